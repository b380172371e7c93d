import { Compile } from 'typebox/schema'

/** What the OpenAPI document promises about answers. */
export interface AnswerContract {
  /** Throws when the operation, its status or the shape of its body is not in the document. */
  check(answer: { method: string; path: string; status: number; mediaType: string; body: unknown }): void
}

type Json = Record<string, unknown>

interface Operation {
  readonly responses: Record<string, { content?: Record<string, { schema: Json }> }>
}

interface Document {
  readonly paths: Record<string, Record<string, Operation>>
  readonly components: { readonly schemas: Record<string, Json> }
}

/** Reads an OpenAPI document. Fields that an answer has beyond its schema are refused too. */
export function readAnswerContract(document: Document): AnswerContract {
  const validators = new Map<object, ReturnType<typeof Compile>>()
  return {
    check: ({ method, path, status, mediaType, body }) => {
      const operation = findOperation(document, method, path)
      // A request that no operation is for is answered by the router.
      if (operation === undefined) return
      const response = operation.responses[status]
      if (response === undefined) throw new Error(`${method} ${path} answers ${status}, which is not documented`)
      if (response.content === undefined) return
      const schema = response.content[mediaType]?.schema
      if (schema === undefined) throw new Error(`${method} ${path} answers ${mediaType}, which is not documented`)
      // A text of another format is no JSON to be checked.
      if (mediaType !== 'application/json') return
      const validator = validators.get(schema) ?? Compile(closed(resolved(schema, document)) as Json)
      validators.set(schema, validator)
      const [, errors] = validator.Errors(body) as unknown as [boolean, { instancePath: string; message: string }[]]
      if (!validator.Check(body)) {
        throw new Error(
          `${method} ${path} answers ${status} in another shape: ${JSON.stringify(errors)}\n${JSON.stringify(body)}`,
        )
      }
    },
  }
}

function findOperation({ paths }: Document, method: string, path: string): Operation | undefined {
  const [plain = ''] = path.split('?', 1)
  const parts = plain.replace(/\/$/, '').split('/')
  const template = Object.keys(paths)
    .map((candidate) => ({ candidate, names: candidate.replace(/\/$/, '').split('/') }))
    .filter(({ names }) => names.length === parts.length)
    .filter(({ names }) => names.every((name, index) => name.startsWith('{') || name === parts[index]))
    // A literal part counts before a parameter: /events/backlog is no /events/{id}.
    .sort((one, other) => parameters(one.names) - parameters(other.names))[0]
  return template && paths[template.candidate]?.[method.toLowerCase()]
}

function parameters(names: readonly string[]): number {
  return names.filter((name) => name.startsWith('{')).length
}

function resolved(value: unknown, document: Document): unknown {
  if (Array.isArray(value)) return value.map((item) => resolved(item, document))
  if (typeof value !== 'object' || value === null) return value
  const reference = (value as Json)['$ref']
  if (typeof reference === 'string') {
    return resolved(document.components.schemas[reference.replace('#/components/schemas/', '')], document)
  }
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, resolved(inner, document)]))
}

// An answer with a field that the document does not know is a field that nobody documented.
function closed(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(closed)
  if (typeof value !== 'object' || value === null) return value
  const schema = Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, closed(inner)]))
  const isObject = schema['type'] === 'object' && schema['properties'] !== undefined
  return isObject ? { ...schema, additionalProperties: false } : schema
}
