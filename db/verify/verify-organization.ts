import { listArchivedUsage } from '../archives/archived-usage.ts'
import type { UsageMonth } from '../archives/usage-month.ts'
import type { Connection } from '../connection.ts'
import { inSnapshot } from '../snapshot.ts'
import { statementsOf } from '../statements.ts'
import { openArchivedClaims } from './archived-claims.ts'
import type { ReadArchive } from './archived-events.ts'
import { checkBilledUsage } from './check-billed-usage.ts'
import { checkDocumentLines } from './check-document-lines.ts'
import { checkDocuments } from './check-documents.ts'
import { checkEventContents } from './check-event-contents.ts'
import { checkEventKeys } from './check-event-keys.ts'
import { checkLedger } from './check-ledger.ts'
import { checkRollups } from './check-rollups.ts'
import { checkRunningCharges } from './check-running-charges.ts'
import type { DifferenceLog } from './difference.ts'
import type { UsageSelection } from './usage-selection.ts'

/** How much was compared. */
export interface VerifiedOrganization {
  readonly rollups: number
  readonly distinctValues: number
  readonly eventKeys: number
  readonly runningSubscriptions: number
  /** Codes of metrics that are being counted anew, whose rollups were left out. */
  readonly rebuilding: readonly string[]
  /** Archived months whose rollups were left out, because the archive was not given. */
  readonly unread: readonly UsageMonth[]
}

/**
 * Compares everything that is derived with what it is derived from. All of it in one state of the database, which needs no
 * locks: whoever counts commits events, identities and rollups together. Of one metric only its rollups.
 */
export async function verifyOrganization(
  connection: Connection,
  selection: UsageSelection,
  { log, read }: { log: DifferenceLog; read: ReadArchive | undefined },
): Promise<VerifiedOrganization> {
  return await inSnapshot(connection, async (transaction) => {
    const client = statementsOf(transaction)
    const archived = await listArchivedUsage(client, selection.organizationId)
    const claims = openArchivedClaims(client, selection.organizationId, log)
    const archive = { usage: archived, read, ...(selection.metricId === undefined ? { onEvent: claims.add } : {}) }
    const rollups = await checkRollups(client, selection, { archive, log })
    await claims.end()
    const unread = read === undefined ? [...new Set(archived.map(({ month }) => month))] : []
    const checked = { ...rollups, unread }
    if (selection.metricId !== undefined) return { ...checked, eventKeys: 0, runningSubscriptions: 0 }
    const eventKeys = await checkEventKeys(client, selection, { archived, log })
    await checkEventContents(client, selection, log)
    const runningSubscriptions = await checkRunningCharges(transaction, selection, log)
    await checkBilledUsage(transaction, selection, log)
    await checkLedger(client, selection, log)
    await checkDocuments(client, selection, log)
    await checkDocumentLines(client, selection, log)
    return { ...checked, eventKeys, runningSubscriptions }
  })
}
