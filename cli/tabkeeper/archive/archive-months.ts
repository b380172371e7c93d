import { resolve } from 'node:path'
import { listArchiveBlockers } from '../../../db/archives/archive-blockers.ts'
import { type ArchivedMonth, archiveMonth } from '../../../db/archives/archive-month.ts'
import { exportMonth } from '../../../db/archives/export-month.ts'
import { countUnclaimedEvents } from '../../../db/archives/unclaimed-events.ts'
import type { UsageMonth } from '../../../db/archives/usage-month.ts'
import { dropEmptyPartition, hasEvents, listUsagePartitions } from '../../../db/archives/usage-partitions.ts'
import { newestMigration } from '../../../db/migrate.ts'
import { inTransaction } from '../../../db/transaction.ts'
import { archivingAlone } from '../beside-archiving.ts'
import type { CommandOutcome, CommandRequest } from '../command.ts'
import { CommandError, EXIT_CODES } from '../command-error.ts'
import type { OpenDatabase } from '../open-database.ts'
import type { Manifest } from './manifest.ts'
import { requireMonth } from './month-option.ts'
import { writeArchive } from './write-archive.ts'

/**
 * Archives the months before one, oldest first. Whatever interrupts it, the events of a month are in the database or in
 * verified files that the database knows.
 */
export async function archiveMonths(database: OpenDatabase, request: CommandRequest): Promise<CommandOutcome> {
  const before = requireMonth('before', request)
  const to = resolve(request.values['to'] ?? '')
  return await archivingAlone(database, async () => {
    const partitions = await listUsagePartitions(database.pool)
    const months = partitions.map(({ month }) => month).filter((month) => month < before)
    // All of them are looked at before the first is touched.
    for (const month of months) await requireArchivable(database, month)
    const archived: { month: UsageMonth; folder: string; events: number }[] = []
    for (const month of months) {
      const folder = await archiveOne(database, { month, to })
      if (folder !== undefined) archived.push({ month, ...folder })
      if (folder !== undefined) request.progress(`${month}: ${folder.events} events in ${folder.folder}`)
    }
    return {
      exitCode: EXIT_CODES.done,
      lines: archived.length === 0 ? [`There is nothing to archive before ${before}.`] : archived.map(archivedLine),
      json: { command: 'partitions archive', archived },
    }
  })
}

function archivedLine({ month, folder, events }: { month: UsageMonth; folder: string; events: number }): string {
  return `${month}: ${events} events are in ${folder} and no longer in the database.`
}

async function requireArchivable({ pool }: OpenDatabase, month: UsageMonth): Promise<void> {
  const unclaimed = await countUnclaimedEvents(pool, month)
  const reasons = [
    ...(await listArchiveBlockers(pool, month)),
    ...(unclaimed === 0 ? [] : [`${unclaimed} of its events have no claim of their identity and time: see verify`]),
  ]
  if (reasons.length === 0) return
  throw new CommandError('failed', [`${month} stays, because`, ...reasons.map((reason) => `  ${reason}`)].join('\n'))
}

async function archiveOne(
  { connection, pool }: OpenDatabase,
  { month, to }: { month: UsageMonth; to: string },
): Promise<{ folder: string; events: number } | undefined> {
  const archived = (await hasEvents(pool, month)) ? await moveToFiles({ connection, pool }, { month, to }) : undefined
  // What is empty costs little, so this may fail.
  await inTransaction(pool, (client) => dropEmptyPartition(client, month)).catch(() => false)
  return archived
}

async function moveToFiles(
  { connection, pool }: OpenDatabase,
  { month, to }: { month: UsageMonth; to: string },
): Promise<{ folder: string; events: number }> {
  const schema = await newestMigration()
  const { folder, manifest, manifestSha256 } = await exportMonth(connection, month, (events) =>
    writeArchive(to, { month, schema, events }),
  )
  const usage = eventsByOrganization(manifest).map((counted) => ({ ...counted, month, folder, manifestSha256 }))
  const outcome = await archiveMonth(pool, month, usage).catch(whereInUse)
  if (outcome.archived) return { folder, events: manifest.events }
  throw new CommandError('failed', `${month} stays, because ${outcome.reason}; ${folder} may be deleted.`)
}

const LOCK_NOT_AVAILABLE = '55P03'

function whereInUse(error: Error & { readonly code?: string }): ArchivedMonth {
  if (error.code !== LOCK_NOT_AVAILABLE) throw error
  return { archived: false, reason: 'its events are being read or written just now' }
}

function eventsByOrganization({ files }: Manifest): { organizationId: number; eventsCount: number }[] {
  return [...Map.groupBy(files, (file) => file.organization_id)].map(([organizationId, ofOrganization]) => ({
    organizationId,
    eventsCount: ofOrganization.reduce((sum, { events }) => sum + events, 0),
  }))
}
