import { isDeepStrictEqual } from 'node:util'
import { assert } from '../shared/errors.ts'

type Json = Record<string, unknown>

/**
 * The document with every titled schema moved to `components.schemas` under its title, and a reference in its place.
 * Two schemas of one title must be the same.
 */
export function withNamedSchemas(document: object): Json {
  const schemas: Json = {}
  const { components, ...rest } = document as { components?: Json }
  const moved = moveTitled(rest, schemas) as Json
  return withInlineTitles({ ...moved, components: { ...components, schemas: sorted(schemas) } }) as Json
}

/** The title of a schema that stays where it stands, such as that of a field. */
export const INLINE_TITLE = 'x-inline-title'

function withInlineTitles(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withInlineTitles)
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(
    Object.entries(value).map(([key, inner]) => [key === INLINE_TITLE ? 'title' : key, withInlineTitles(inner)]),
  )
}

function moveTitled(value: unknown, schemas: Json): unknown {
  if (Array.isArray(value)) return value.map((item) => moveTitled(item, schemas))
  if (typeof value !== 'object' || value === null) return value
  const moved = Object.fromEntries(
    Object.entries(value).map(([key, inner]) => [key, KEPT.has(key) ? inner : moveTitled(inner, schemas)]),
  )
  return isTitledSchema(moved) ? reference(moved, schemas) : moved
}

// Examples are data, and the title of the document names no schema.
const KEPT: ReadonlySet<string> = new Set(['example', 'examples', 'default', 'info'])

function isTitledSchema(value: Json): value is Json & { title: string } {
  return typeof value['title'] === 'string'
}

function reference(schema: Json & { title: string }, schemas: Json): Json {
  const { title } = schema
  // Where a schema is a whole request body, its examples have moved out of it already.
  const { examples: _examples, ...shape } = schema
  const known = schemas[title]
  assert(known === undefined || isDeepStrictEqual(known, shape), `two schemas of the document are named ${title}`)
  schemas[title] = shape
  return { $ref: `#/components/schemas/${title}` }
}

function sorted(schemas: Json): Json {
  return Object.fromEntries(Object.entries(schemas).sort(([one], [other]) => (one < other ? -1 : 1)))
}
