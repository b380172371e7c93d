import type { Pool, PoolClient } from 'pg'
import { inTransaction } from '../transaction.ts'
import { shareCounting } from '../usage/counting-lock.ts'
import { listArchiveBlockers } from './archive-blockers.ts'
import type { ArchivedUsage } from './archived-usage.ts'
import { partitionOfMonth, type UsageMonth } from './usage-month.ts'

/** What became of a month: it is archived, or something has come between, and nothing has changed. */
export type ArchivedMonth = { readonly archived: true } | { readonly archived: false; readonly reason: string }

const LOCK_TIMEOUT_MS = 2_000

/**
 * Empties the partition of a month whose events lie in verified files, and notes where. One transaction: a crash leaves
 * either the partition or the note. Throws when the partition is in use for too long; nothing has changed then.
 */
export async function archiveMonth(
  pool: Pool,
  month: UsageMonth,
  usage: readonly ArchivedUsage[],
): Promise<ArchivedMonth> {
  return await inTransaction(pool, async (client) => {
    const partition = partitionOfMonth(month)
    await client.query(`set local lock_timeout = ${LOCK_TIMEOUT_MS}`)
    // Nobody begins to count these events anew, and no late one comes, until this is done. It may be read meanwhile.
    for (const { organizationId } of usage) await shareCounting(client, organizationId)
    await client.query(`lock table ${partition} in share mode`)
    await client.query('set local statement_timeout = 0')
    const [blocker] = await listArchiveBlockers(client, month)
    if (blocker !== undefined) return { archived: false, reason: blocker }
    if (!(await isAllThere(client, partition, usage))) {
      return { archived: false, reason: 'events came while it was written' }
    }
    for (const row of usage) await insertArchivedUsage(client, row)
    await client.query(`truncate ${partition}`)
    return { archived: true }
  })
}

// Raw events never change, so as many as were written are those that were written.
async function isAllThere(client: PoolClient, partition: string, usage: readonly ArchivedUsage[]): Promise<boolean> {
  const { rows } = await client.query<{ organizationId: number; events: string }>(
    `select organization_id as "organizationId", count(*)::text as events from ${partition} group by 1`,
  )
  const written = new Map(usage.map(({ organizationId, eventsCount }) => [organizationId, eventsCount]))
  return (
    rows.length === written.size &&
    rows.every(({ organizationId, events }) => written.get(organizationId) === Number(events))
  )
}

async function insertArchivedUsage(client: PoolClient, usage: ArchivedUsage): Promise<void> {
  const { organizationId, month, folder, eventsCount, manifestSha256 } = usage
  await client.query(
    `insert into archived_usage (organization_id, month, folder, events_count, manifest_sha256)
     values ($1, $2, $3, $4, $5)`,
    [organizationId, `${month}-01`, folder, eventsCount, manifestSha256],
  )
}
