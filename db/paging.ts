import { type SelectQueryBuilder, sql } from 'kysely'

/** Which part of a list is asked for: at most `limit` rows that come after the position, or the first ones. */
export interface PageRequest<Position = string> {
  readonly limit: number
  readonly after: Position | undefined
}

/** A part of a list, and where the next one starts; `next` is undefined on the last page. */
export interface Page<Row, Position = string> {
  readonly rows: readonly Row[]
  readonly next: Position | undefined
}

/** A page from one row more than was asked for: the extra row only tells that there is a next page. */
export function pageOf<Row, Position = string>(
  rows: readonly Row[],
  limit: number,
  positionOf: (row: Row) => Position,
): Page<Row, Position> {
  const kept = rows.slice(0, limit)
  const last = kept.at(-1)
  return { rows: kept, next: rows.length > limit && last !== undefined ? positionOf(last) : undefined }
}

/**
 * A page of the rows of a query, newest first: by their ids, which grow with time. `idColumn` is written as in the
 * query, with its table where there are several.
 */
export async function newestFirst<Tables, Name extends keyof Tables, Row extends { readonly id: string }>(
  query: SelectQueryBuilder<Tables, Name, Row>,
  { limit, after }: PageRequest,
  idColumn = 'id',
): Promise<Page<Row>> {
  const id = sql.ref<string>(idColumn)
  const rows: readonly Row[] = await query
    .$if(after !== undefined, (page) => page.where(id, '<', after ?? ''))
    .orderBy(id, 'desc')
    .limit(limit + 1)
    .execute()
  return pageOf(rows, limit, (row) => row.id)
}
