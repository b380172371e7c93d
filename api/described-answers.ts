interface Operation {
  readonly responses?: Readonly<Record<string, { readonly description: string }>>
}

// What the framework writes where a schema has no description of its own.
const NONE = 'Default Response'

const DESCRIPTIONS: Readonly<Record<string, string>> = {
  200: 'Successful response',
  201: 'Created',
  202: 'Accepted',
  204: 'Done, nothing to answer',
  422: 'Validation error',
}

/** The document with a description at every answer. */
export function withDescribedAnswers(document: object): object {
  const { paths = {} } = document as { paths?: Record<string, Record<string, Operation>> }
  const described = Object.entries(paths).map(([path, methods]) => [
    path,
    Object.fromEntries(Object.entries(methods).map(([method, operation]) => [method, describe(operation)])),
  ])
  return { ...document, paths: Object.fromEntries(described) }
}

function describe(operation: Operation): Operation {
  const responses = Object.entries(operation.responses ?? {}).map(([status, response]) => {
    const description = response.description === NONE ? DESCRIPTIONS[status] : undefined
    return [status, { ...response, description: description ?? response.description }]
  })
  return { ...operation, responses: Object.fromEntries(responses) }
}
