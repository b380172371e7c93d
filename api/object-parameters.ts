interface Parameter {
  readonly in?: string
  readonly schema?: { readonly type?: string }
}

interface Operation {
  readonly parameters?: readonly Parameter[]
}

/** The document with every query parameter that is an object written as `name[key]=value`. */
export function withObjectParameters(document: object): object {
  const { paths = {} } = document as { paths?: Record<string, Record<string, Operation>> }
  const written = Object.entries(paths).map(([path, methods]) => [
    path,
    Object.fromEntries(Object.entries(methods).map(([method, operation]) => [method, withParameters(operation)])),
  ])
  return { ...document, paths: Object.fromEntries(written) }
}

function withParameters(operation: Operation): Operation {
  if (operation.parameters === undefined) return operation
  return { ...operation, parameters: operation.parameters.map(withStyle) }
}

function withStyle(parameter: Parameter): Parameter {
  if (parameter.in !== 'query' || parameter.schema?.type !== 'object') return parameter
  return { ...parameter, style: 'deepObject', explode: true } as Parameter
}
