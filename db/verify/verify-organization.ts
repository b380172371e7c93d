import type { Connection } from '../connection.ts'
import { inSnapshot } from '../snapshot.ts'
import { statementsOf } from '../statements.ts'
import { checkEventKeys } from './check-event-keys.ts'
import { checkLedger } from './check-ledger.ts'
import { checkRollups } from './check-rollups.ts'
import { checkRunningCharges } from './check-running-charges.ts'
import type { DifferenceLog } from './difference.ts'
import type { UsageSelection } from './usage-selection.ts'

/** How much was compared. */
export interface VerifiedOrganization {
  readonly rollups: number
  readonly eventKeys: number
  readonly runningSubscriptions: number
  /** Codes of metrics that are being counted anew, whose rollups were left out. */
  readonly rebuilding: readonly string[]
}

/**
 * Compares everything that is derived with what it is derived from. All of it in one state of the database, which needs no
 * locks: whoever counts commits events, identities and rollups together. Of one metric only its rollups.
 */
export async function verifyOrganization(
  connection: Connection,
  selection: UsageSelection,
  log: DifferenceLog,
): Promise<VerifiedOrganization> {
  return await inSnapshot(connection, async (transaction) => {
    const client = statementsOf(transaction)
    const checked = await checkRollups(client, selection, log)
    if (selection.metricId !== undefined) return { ...checked, eventKeys: 0, runningSubscriptions: 0 }
    const eventKeys = await checkEventKeys(client, selection, log)
    const runningSubscriptions = await checkRunningCharges(transaction, selection, log)
    await checkLedger(client, selection, log)
    return { ...checked, eventKeys, runningSubscriptions }
  })
}
