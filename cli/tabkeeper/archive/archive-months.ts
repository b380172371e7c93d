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
import { EXIT_CODES } from '../command-error.ts'
import type { OpenDatabase } from '../open-database.ts'
import type { Manifest } from './manifest.ts'
import { requireMonth } from './month-option.ts'
import { writeArchive } from './write-archive.ts'

/** A month that was left in the database, and why. */
interface KeptMonth {
  readonly month: UsageMonth
  readonly reasons: readonly string[]
}

/**
 * Archives the months before one, oldest first; one that cannot go yet keeps no other. Whatever interrupts it, the events of a
 * month are in the database or in verified files that the database knows.
 */
export async function archiveMonths(database: OpenDatabase, request: CommandRequest): Promise<CommandOutcome> {
  const before = requireMonth('before', request)
  const to = resolve(request.values['to'] ?? '')
  return await archivingAlone(database, async () => {
    const partitions = await listUsagePartitions(database.pool)
    const archived: { month: UsageMonth; folder: string; events: number }[] = []
    const kept: KeptMonth[] = []
    for (const { month } of partitions.filter((partition) => partition.month < before)) {
      const outcome = await archiveOne(database, { month, to })
      if (outcome === undefined) continue
      if ('reasons' in outcome) kept.push({ month, ...outcome })
      else archived.push({ month, ...outcome })
      request.progress('reasons' in outcome ? keptText({ month, ...outcome }) : archivedLine({ month, ...outcome }))
    }
    return {
      exitCode: kept.length === 0 ? EXIT_CODES.done : EXIT_CODES.failed,
      lines:
        archived.length + kept.length === 0
          ? [`There is nothing to archive before ${before}.`]
          : archived.map(archivedLine),
      json: { command: 'partitions archive', archived, kept },
    }
  })
}

function archivedLine({ month, folder, events }: { month: UsageMonth; folder: string; events: number }): string {
  return `${month}: ${events} events are in ${folder} and no longer in the database.`
}

function keptText({ month, reasons }: KeptMonth): string {
  return [`${month} stays, because`, ...reasons.map((reason) => `  ${reason}`)].join('\n')
}

type MonthOutcome = { readonly folder: string; readonly events: number } | Pick<KeptMonth, 'reasons'>

// Nothing where there is nothing to archive.
async function archiveOne(
  { connection, pool }: OpenDatabase,
  { month, to }: { month: UsageMonth; to: string },
): Promise<MonthOutcome | undefined> {
  const reasons = await listReasons(pool, month)
  if (reasons.length > 0) return { reasons }
  const outcome = (await hasEvents(pool, month)) ? await moveToFiles({ connection, pool }, { month, to }) : undefined
  // What is empty costs little, so this may fail.
  await inTransaction(pool, (client) => dropEmptyPartition(client, month)).catch(() => false)
  return outcome
}

async function listReasons(pool: OpenDatabase['pool'], month: UsageMonth): Promise<readonly string[]> {
  const unclaimed = await countUnclaimedEvents(pool, month)
  return [
    ...(await listArchiveBlockers(pool, month)),
    ...(unclaimed === 0 ? [] : [`${unclaimed} of its events have no claim of their identity and time: see verify`]),
  ]
}

async function moveToFiles(
  { connection, pool }: OpenDatabase,
  { month, to }: { month: UsageMonth; to: string },
): Promise<MonthOutcome> {
  const schema = await newestMigration()
  const { folder, manifest, manifestSha256 } = await exportMonth(connection, month, (events) =>
    writeArchive(to, { month, schema, events }),
  )
  const usage = eventsByOrganization(manifest).map((counted) => ({ ...counted, month, folder, manifestSha256 }))
  const outcome = await archiveMonth(pool, month, usage).catch(whereInUse)
  if (outcome.archived) return { folder, events: manifest.events }
  return { reasons: [`${outcome.reason}; ${folder} may be deleted`] }
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
