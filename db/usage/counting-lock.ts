import { sql } from 'kysely'
import type { OrganizationTransaction } from '../connection.ts'
import type { Statements } from '../statements.ts'

/** Class of the advisory locks, one per organization, that keep metrics as they are while events are counted. */
const COUNTING_LOCK = 728_253_371

/** Events of one transaction; more never fit into one. */
export const ARRIVALS_PER_TRANSACTION = 1n << 20n

/** Keeps the metrics of the organization as they are until the transaction ends; as many at once as want to. */
export async function shareCounting(client: Statements, organizationId: number): Promise<void> {
  await client.query('select pg_advisory_xact_lock_shared($1, $2)', [COUNTING_LOCK, organizationId])
}

/**
 * Waits until no transaction counts events of the organization, lets none begin until this one ends, and answers with
 * the first arrival that comes after it.
 */
async function closeCounting(transaction: OrganizationTransaction, organizationId: number): Promise<bigint> {
  await sql`select pg_advisory_xact_lock(${COUNTING_LOCK}, ${organizationId})`.execute(transaction)
  const { rows } = await sql<{ turn: string }>`select nextval('usage_arrivals') as turn`.execute(transaction)
  return BigInt(rows[0]?.turn ?? 0) * ARRIVALS_PER_TRANSACTION
}

/**
 * What of a metric's row says that it is to be counted anew, as `closeCounting` does: events from now on as they come,
 * those that are there by its rebuild.
 */
export async function openRebuild(
  transaction: OrganizationTransaction,
  organizationId: number,
): Promise<{ readonly countedFrom: bigint; readonly rebuildCursor: number | null }> {
  const countedFrom = await closeCounting(transaction, organizationId)
  return { countedFrom, rebuildCursor: (await hasUsage(transaction, organizationId)) ? 0 : null }
}

// Every customer that usage has named has a row.
async function hasUsage(transaction: OrganizationTransaction, organizationId: number): Promise<boolean> {
  const customer = await transaction
    .selectFrom('customers')
    .select('customerId')
    .where('organizationId', '=', organizationId)
    .limit(1)
    .executeTakeFirst()
  return customer !== undefined
}
