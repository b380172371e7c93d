import type { Pool } from 'pg'
import { microsOfInstant } from '../../shared/metering/timestamp.ts'
import { realNow } from '../clock.ts'
import type { Connection } from '../connection.ts'
import { inTransaction } from '../transaction.ts'
import { touchCustomers } from '../usage/ingest-references.ts'
import type { SelectedArchive } from './paired-days.ts'
import { type RepairedUsage, repairSelection, sumOf } from './repair-selection.ts'
import { deleteStrangers } from './strangers.ts'
import { listSelectedMetrics, type UsageSelection } from './usage-selection.ts'

const CUSTOMERS_PER_PAGE = 200

/** What a rebuild has done so far. */
export interface RebuiltUsage extends RepairedUsage {
  readonly customers: number
  /** Codes of metrics that are being counted anew by themselves, which were left out. */
  readonly rebuilding: readonly string[]
}

/**
 * Counts the raw events of a selection anew and writes what is stored otherwise, a day of a customer at a time, while
 * ingestion goes on; then marks the customers, so that their running charges are priced anew. Running it again changes
 * nothing but these. What is archived must be readable.
 */
export async function rebuildOrganization(
  database: { readonly connection: Connection; readonly pool: Pool },
  selection: UsageSelection,
  { archive, progress }: { archive: SelectedArchive; progress: (sofar: RebuiltUsage) => void },
): Promise<RebuiltUsage> {
  const { connection, pool } = database
  const metrics = await listSelectedMetrics(pool, selection)
  const rebuilding = metrics.filter(({ isRebuilding }) => isRebuilding).map(({ code }) => code)
  let sofar: RebuiltUsage = { customers: 0, days: 0, rollups: 0, distinctValues: 0, rebuilding }
  const repair = async (one: UsageSelection) => {
    sofar = { ...sofar, ...sumOf(sofar, await repairSelection(database, one, archive)) }
  }
  if (selection.metricId === undefined) {
    const deleted = await deleteStrangers(pool, selection)
    sofar = { ...sofar, rollups: deleted.rollups, distinctValues: deleted.distinct_values }
  }
  // An archive is read from its beginning to its end; else no state of the database is kept for long.
  const isReadAtOnce = archive.usage.length > 0
  if (isReadAtOnce) await repair(selection)
  for (let after = 0; ; ) {
    const customerIds = await listCustomers(connection, selection, after)
    if (!isReadAtOnce) for (const customerId of customerIds) await repair({ ...selection, customerId })
    await markForPricing(pool, selection.organizationId, customerIds)
    sofar = { ...sofar, customers: sofar.customers + customerIds.length }
    progress(sofar)
    if (customerIds.length < CUSTOMERS_PER_PAGE) return sofar
    after = customerIds.at(-1) ?? after
  }
}

async function listCustomers(
  connection: Connection,
  { organizationId, customerId }: UsageSelection,
  after: number,
): Promise<readonly number[]> {
  const rows = await connection
    .selectFrom('customers')
    .select('customerId')
    .where('organizationId', '=', organizationId)
    .where('customerId', '>', after)
    .$if(customerId !== undefined, (query) => query.where('customerId', '=', customerId ?? 0))
    .orderBy('customerId')
    .limit(CUSTOMERS_PER_PAGE)
    .execute()
  return rows.map((row) => row.customerId)
}

// Nothing of the past has changed here: where it has, repairing it has said so.
async function markForPricing(pool: Pool, organizationId: number, customerIds: readonly number[]): Promise<void> {
  const nowMicros = microsOfInstant(realNow())
  await inTransaction(pool, (client) =>
    touchCustomers(client, organizationId, new Map(customerIds.map((customerId) => [customerId, nowMicros]))),
  )
}
