import type { Pool } from 'pg'
import { bucketOf, DAY } from '../../shared/metering/buckets.ts'
import { microsOfInstant } from '../../shared/metering/timestamp.ts'
import { realNow } from '../clock.ts'
import type { Connection } from '../connection.ts'
import { inSnapshot } from '../snapshot.ts'
import { statementsOf } from '../statements.ts'
import { inTransaction } from '../transaction.ts'
import { touchCustomers } from '../usage/ingest-references.ts'
import { differencesOf } from './compare-days.ts'
import type { LiveEvent } from './live-events.ts'
import { pairedDays, type SelectedArchive } from './paired-days.ts'
import { type DamagedDay, repairDay } from './repair-day.ts'
import { listSelectedMetrics, type UsageSelection } from './usage-selection.ts'

const CUSTOMERS_PER_PAGE = 200

/** What a rebuild has done so far. */
export interface RebuiltUsage {
  readonly customers: number
  /** Days of a customer whose rollups were written anew. */
  readonly days: number
  readonly rollups: number
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
  let sofar: RebuiltUsage = { customers: 0, days: 0, rollups: 0, rebuilding }
  const repair = async (one: UsageSelection) => {
    for (const damaged of await findDamagedDays(connection, one, archive)) {
      const rollups = await repairDay(pool, selection, damaged)
      sofar = { ...sofar, days: sofar.days + 1, rollups: sofar.rollups + rollups }
    }
  }
  // An archive is read once, from its beginning to its end; else no state of the database is kept for long.
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

async function findDamagedDays(
  connection: Connection,
  selection: UsageSelection,
  archive: SelectedArchive,
): Promise<readonly DamagedDay[]> {
  return await inSnapshot(connection, async (transaction) => {
    const client = statementsOf(transaction)
    const metrics = (await listSelectedMetrics(client, selection)).filter(({ isRebuilding }) => !isRebuilding)
    // Of the days that are under way; those that are as they should be are forgotten.
    const archived = new Map<string, LiveEvent[]>()
    const onEvent = (event: LiveEvent) => {
      const key = keyOfDay(event.customerId, bucketOf(DAY, event.event.timestampMicros))
      archived.getOrInsertComputed(key, () => []).push(event)
    }
    const damaged: DamagedDay[] = []
    for await (const compared of pairedDays(client, selection, { metrics, archive: { ...archive, onEvent } })) {
      const { customerId, day } = compared
      const key = keyOfDay(customerId, day)
      const archivedEvents = archived.get(key) ?? []
      if (differencesOf(compared).length > 0) damaged.push({ customerId, day, archivedEvents })
      archived.delete(key)
    }
    return damaged
  })
}

function keyOfDay(customerId: number, day: number): string {
  return `${customerId}/${day}`
}

// Nothing of the past has changed here: where it has, repairing it has said so.
async function markForPricing(pool: Pool, organizationId: number, customerIds: readonly number[]): Promise<void> {
  const nowMicros = microsOfInstant(realNow())
  await inTransaction(pool, (client) =>
    touchCustomers(client, organizationId, new Map(customerIds.map((customerId) => [customerId, nowMicros]))),
  )
}
