import Type from 'typebox'
import type { Page, PageRequest } from '../db/paging.ts'
import { validationError } from '../shared/errors.ts'

/** The query fields that every list has. */
export const PAGE_QUERY = {
  limit: Type.Optional(
    Type.Integer({ minimum: 1, maximum: 100, default: 20, description: 'How many items a page has at most.' }),
  ),
  cursor: Type.Optional(
    Type.String({ description: 'The `next_cursor` of the page before; leave it out to start at the first.' }),
  ),
}

const DEFAULT_LIMIT = 20
const UUID = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/

/** The page that a query asks for, of a list that is ordered by id. */
export function pageRequest({ limit, cursor }: { limit?: number; cursor?: string }): PageRequest {
  if (cursor === undefined) return { limit: limit ?? DEFAULT_LIMIT, after: undefined }
  const after = decodeCursor(cursor)
  if (!UUID.test(after)) throw invalidCursor()
  return { limit: limit ?? DEFAULT_LIMIT, after }
}

/** The answer of a list. */
export function pageAnswer<Row, Item>(
  { rows, next }: Page<Row>,
  view: (row: Row) => Item,
): { data: Item[]; next_cursor: string | null } {
  return { data: rows.map(view), next_cursor: next === undefined ? null : encodeCursor(next) }
}

/** Cursors are opaque, so that what a list is ordered by can change. */
export function encodeCursor(position: string): string {
  return Buffer.from(position).toString('base64url')
}

export function decodeCursor(cursor: string): string {
  return Buffer.from(cursor, 'base64url').toString()
}

/** The refusal of a cursor that no list has given out. */
export function invalidCursor(): Error {
  return validationError([
    { loc: ['query', 'cursor'], msg: 'must be the next_cursor of an earlier answer', type: 'cursor_invalid' },
  ])
}
