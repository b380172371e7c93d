import { listArchivedUsage } from '../../../db/archives/archived-usage.ts'
import { listUsagePartitions } from '../../../db/archives/usage-partitions.ts'
import type { CommandOutcome } from '../command.ts'
import { EXIT_CODES } from '../command-error.ts'
import type { OpenDatabase } from '../open-database.ts'

/** Lists the months that raw events lie in, and the folders of those that are archived. */
export async function listPartitions({ pool }: OpenDatabase): Promise<CommandOutcome> {
  const partitions = await listUsagePartitions(pool)
  const folders = [...Map.groupBy(await listArchivedUsage(pool, undefined), ({ folder }) => folder)].map(
    ([folder, usage]) => ({
      month: usage[0]?.month ?? '',
      folder,
      events: usage.reduce((sum, { eventsCount }) => sum + eventsCount, 0),
    }),
  )
  return {
    exitCode: EXIT_CODES.done,
    lines: [
      ...partitions.map(
        ({ month, bytes, estimatedEvents }) => `${month}  ${megabytes(bytes)}  ${about(estimatedEvents)}`,
      ),
      ...folders.map(({ month, folder, events }) => `${month}  archived in ${folder}, ${events} events`),
    ],
    json: {
      command: 'partitions list',
      partitions: partitions.map(({ month, bytes, estimatedEvents }) => ({
        month,
        bytes,
        estimated_events: estimatedEvents,
      })),
      archived: folders,
    },
  }
}

function megabytes(bytes: number): string {
  return `${(bytes / 1_000_000).toFixed(1)} MB`.padStart(12)
}

function about(events: number | null): string {
  return events === null ? 'not counted yet' : `about ${events} events`
}
