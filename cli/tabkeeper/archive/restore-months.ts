import { join, resolve } from 'node:path'
import { type ArchivedUsage, listArchivedUsage } from '../../../db/archives/archived-usage.ts'
import { type RestoredEvents, restoreMonth } from '../../../db/archives/restore-month.ts'
import { archivingAlone } from '../beside-archiving.ts'
import type { CommandOutcome, CommandRequest } from '../command.ts'
import { CommandError, EXIT_CODES } from '../command-error.ts'
import type { OpenDatabase } from '../open-database.ts'
import { requireManifest } from './manifest.ts'
import { requireMonth } from './month-option.ts'
import { filesOf } from './open-archive.ts'
import { readArchiveFile } from './read-archive-file.ts'

/** Puts the events of an archived month back, folder by folder; the files stay where they are. */
export async function restoreMonths(database: OpenDatabase, request: CommandRequest): Promise<CommandOutcome> {
  const month = requireMonth('month', request)
  const from = resolve(request.values['from'] ?? '')
  return await archivingAlone(database, async () => {
    const archived = (await listArchivedUsage(database.pool, undefined)).filter((usage) => usage.month === month)
    if (archived.length === 0) throw new CommandError('usage', `Nothing of ${month} is archived.`)
    let events = 0
    for (const [folder, usage] of Map.groupBy(archived, (one) => one.folder)) {
      const eventsCount = usage.reduce((sum, one) => sum + one.eventsCount, 0)
      events += await restoreMonth(database.pool, { month, folder, eventsCount }, sourcesOf(from, usage))
    }
    return {
      exitCode: EXIT_CODES.done,
      lines: [`${month}: ${events} events are in the database again.`],
      json: { command: 'partitions restore', month, events },
    }
  })
}

async function* sourcesOf(from: string, usage: readonly ArchivedUsage[]): AsyncGenerator<RestoredEvents, void> {
  for (const one of usage) {
    const folder = join(from, one.folder)
    for (const file of filesOf(requireManifest(folder, one.manifestSha256), one)) {
      yield { organizationId: one.organizationId, json: readArchiveFile(folder, file) }
    }
  }
}
