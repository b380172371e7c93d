import type { Statements } from './statements.ts'

const ROWS_PER_FETCH = 2_000

/**
 * Rows of a query, read as they are asked for, so that memory holds one handful of them however many there are. The name
 * is that of no other cursor of the transaction.
 */
export async function* readCursor<Row extends object>(
  client: Statements,
  { name, text, parameters }: { readonly name: string; readonly text: string; readonly parameters: readonly unknown[] },
): AsyncGenerator<Row, void> {
  await client.query(`declare ${name} no scroll cursor for ${text}`, [...parameters])
  for (;;) {
    const { rows } = await client.query<Row>(`fetch ${ROWS_PER_FETCH} from ${name}`)
    yield* rows
    if (rows.length < ROWS_PER_FETCH) break
  }
  await client.query(`close ${name}`)
}
