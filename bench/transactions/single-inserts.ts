import type { Pool } from 'pg'
import { inParallel } from '../../cli/demo/in-parallel.ts'

/** A row of a table, ready to be inserted again. */
interface Row {
  readonly statement: string
  readonly values: readonly unknown[]
}

/** The rows that belong to one transaction: as it was taken in, and its posting. */
type TransactionRows = readonly Row[]

const TABLES = ['transactions', 'ledger_postings'] as const

/**
 * Empty copies of the tables, keys and indexes included, and the rows that go into them: those that the service wrote
 * for the references that begin with the prefix.
 */
export async function sideTables(
  pool: Pool,
  organizationId: number,
  prefix: string,
): Promise<readonly TransactionRows[]> {
  for (const table of TABLES) await pool.query(`create table side_${table} (like ${table} including all)`)
  const { rows: taken } = await pool.query<Record<string, unknown>>(
    'select * from transactions where organization_id = $1 and starts_with(reference_id, $2) order by id',
    [organizationId, prefix],
  )
  const { rows: posted } = await pool.query<Record<string, unknown>>(
    `select posting.* from ledger_postings posting join transactions t on t.id::text = posting.reference_id
     where t.organization_id = $1 and starts_with(t.reference_id, $2) and posting.reference_kind = 'transaction'`,
    [organizationId, prefix],
  )
  const postings = new Map(posted.map((row) => [row['reference_id'], row]))
  return taken.map((row) => [
    insertion('transactions', row),
    insertion('ledger_postings', requirePosting(postings, row)),
  ])
}

function requirePosting(
  postings: ReadonlyMap<unknown, Record<string, unknown>>,
  { id }: Record<string, unknown>,
): Record<string, unknown> {
  const posting = postings.get(id)
  if (posting === undefined) throw new Error(`transaction ${String(id)} was not posted`)
  return posting
}

function insertion(table: (typeof TABLES)[number], row: Record<string, unknown>): Row {
  const columns = Object.keys(row)
  const places = columns.map((_, index) => `$${index + 1}`)
  return {
    statement: `insert into side_${table} (${columns.join(', ')}) values (${places.join(', ')})`,
    values: Object.values(row),
  }
}

/** Inserts row by row, each statement its own commit; answers how long it took, in milliseconds. */
export async function insertSingly(
  pool: Pool,
  transactions: readonly TransactionRows[],
  connections: number,
): Promise<number> {
  const startedAt = performance.now()
  await inParallel([...transactions], connections, async (rows) => {
    for (const { statement, values } of rows) {
      await pool.query({ name: `side-${values.length}`, text: statement, values: [...values] })
    }
  })
  return performance.now() - startedAt
}
