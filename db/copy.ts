import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import type { PoolClient } from 'pg'
import { from as copyFrom } from 'pg-copy-streams'

const ESCAPED: Readonly<Record<string, string>> = { '\\': '\\\\', '\n': '\\n', '\r': '\\r', '\t': '\\t' }

/** Text of one value in the format of COPY; null is SQL's null. */
export function copyField(value: string | null): string {
  if (value === null) return '\\N'
  return /[\\\n\r\t]/.test(value) ? value.replace(/[\\\n\r\t]/g, (character) => ESCAPED[character] ?? character) : value
}

const CHUNK_LENGTH = 65_536

/**
 * Writes rows by COPY, the fastest way in. `target` is the table with its columns; a line holds the fields of a row as
 * `copyField` gives them, joined by tabs. All rows are written or none.
 */
export async function copyRows<Row>(
  client: PoolClient,
  target: string,
  rows: readonly Row[],
  lineOf: (row: Row) => string,
): Promise<void> {
  if (rows.length === 0) return
  const stream = client.query(copyFrom(`copy ${target} from stdin`))
  await pipeline(Readable.from(chunksOf(rows, lineOf)), stream)
}

// While the server reads one chunk, the next is written, and no more than that is held.
function* chunksOf<Row>(rows: readonly Row[], lineOf: (row: Row) => string): Generator<Buffer> {
  let text = ''
  for (const row of rows) {
    text += `${lineOf(row)}\n`
    if (text.length < CHUNK_LENGTH) continue
    yield Buffer.from(text)
    text = ''
  }
  if (text !== '') yield Buffer.from(text)
}
