import type { Pool } from 'pg'
import type { Connection } from '../connection.ts'
import { findDamage } from './find-damage.ts'
import type { SelectedArchive } from './paired-days.ts'
import { repairDay } from './repair-day.ts'
import { type DamagedValues, repairValues, settleValues } from './repair-values.ts'
import type { UsageSelection } from './usage-selection.ts'

/** How often the distinct values of a customer are looked for that do not settle. */
const ROUNDS = 3

/** What was written anew. */
export interface RepairedUsage {
  /** Days of a customer. */
  readonly days: number
  readonly rollups: number
  /** Distinct values whose last event was written anew, or that were removed. */
  readonly distinctValues: number
}

/**
 * Finds what of a selection is stored otherwise than its raw events say, and writes it anew, while ingestion goes on. Some
 * distinct values may have to be looked for once more; whatever comes of that, nothing that is wrong is said to be exact.
 */
export async function repairSelection(
  database: { readonly connection: Connection; readonly pool: Pool },
  selection: UsageSelection,
  archive: SelectedArchive,
): Promise<RepairedUsage> {
  let repaired: RepairedUsage = { days: 0, rollups: 0, distinctValues: 0 }
  let open = [selection]
  for (let round = 1; open.length > 0 && round <= ROUNDS; round += 1) {
    const unsettled = new Set<number>()
    for (const one of open) {
      const found = await repairOnce(database, one, archive)
      repaired = sumOf(repaired, found.repaired)
      for (const customerId of found.unsettled) unsettled.add(customerId)
    }
    open = [...unsettled].map((customerId) => ({ ...selection, customerId }))
  }
  return repaired
}

/** Of two repairs together. */
export function sumOf(one: RepairedUsage, other: RepairedUsage): RepairedUsage {
  return {
    days: one.days + other.days,
    rollups: one.rollups + other.rollups,
    distinctValues: one.distinctValues + other.distinctValues,
  }
}

async function repairOnce(
  { connection, pool }: { readonly connection: Connection; readonly pool: Pool },
  selection: UsageSelection,
  archive: SelectedArchive,
): Promise<{ readonly repaired: RepairedUsage; readonly unsettled: readonly number[] }> {
  const { organizationId } = selection
  const { days, values } = await findDamage(connection, selection, archive)
  let [rollups, distinctValues] = [0, 0]
  for (const damaged of values) distinctValues += await repairValues(pool, organizationId, damaged)
  // Their counts follow from the values as they are by now.
  for (const damaged of days) rollups += await repairDay(pool, selection, damaged)
  const unsettled: DamagedValues[] = []
  for (const damaged of values) if (!(await settleValues(pool, organizationId, damaged))) unsettled.push(damaged)
  return {
    repaired: { days: days.length, rollups, distinctValues },
    unsettled: unsettled.map(({ customerId }) => customerId),
  }
}
