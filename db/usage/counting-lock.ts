import { setTimeout as pause } from 'node:timers/promises'
import { sql } from 'kysely'
import type { Connection, OrganizationTransaction } from '../connection.ts'
import type { Statements } from '../statements.ts'

/** Class of the advisory locks, one per organization, that keep metrics as they are while events are counted. */
const COUNTING_LOCK = 728_253_371

/** Events of one transaction; more never fit into one. */
export const ARRIVALS_PER_TRANSACTION = 1n << 20n

/** Keeps the metrics of the organization as they are until the transaction ends; as many at once as want to. */
export async function shareCounting(client: Statements, organizationId: number): Promise<void> {
  await client.query('select pg_advisory_xact_lock_shared($1, $2)', [COUNTING_LOCK, organizationId])
}

/** Waits until no transaction counts events of the organization, and lets none begin until this one ends. */
export async function holdCounting(transaction: OrganizationTransaction, organizationId: number): Promise<void> {
  await sql`select pg_advisory_xact_lock(${COUNTING_LOCK}, ${organizationId})`.execute(transaction)
}

const LOOK_EVERY_MS = 20

/**
 * Resolves once all transactions are over that count events of the organization at this moment, so that what follows sees
 * what they did. Unlike `holdCounting` it makes none wait; nothing may be held meanwhile.
 */
export async function awaitCounting(connection: Connection, organizationId: number): Promise<void> {
  for (let left = await listCounting(connection, organizationId); left.size > 0; ) {
    await pause(LOOK_EVERY_MS)
    left = left.intersection(await listCounting(connection, organizationId))
  }
}

async function listCounting(connection: Connection, organizationId: number): Promise<Set<string>> {
  const { rows } = await sql<{ id: string }>`
    select virtualtransaction as id from pg_locks
    where locktype = 'advisory' and classid = ${COUNTING_LOCK}::oid and objid = ${organizationId}::oid and granted
      and database = (select oid from pg_database where datname = current_database())`.execute(connection)
  return new Set(rows.map(({ id }) => id))
}

/** Holds counting and answers with the first arrival that comes after it. */
async function closeCounting(transaction: OrganizationTransaction, organizationId: number): Promise<bigint> {
  await holdCounting(transaction, organizationId)
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
