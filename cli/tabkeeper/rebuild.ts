import { listArchivedUsage } from '../../db/archives/archived-usage.ts'
import type { SelectedArchive } from '../../db/verify/paired-days.ts'
import { type RebuiltUsage, rebuildOrganization } from '../../db/verify/rebuild-organization.ts'
import { openArchive } from './archive/open-archive.ts'
import { besideArchiving } from './beside-archiving.ts'
import { type Command, type CommandOutcome, type CommandRequest, TEXT } from './command.ts'
import { CommandError, EXIT_CODES } from './command-error.ts'
import type { OpenDatabase } from './open-database.ts'
import { requireSelections, SELECTION_HELP, SELECTION_OPTIONS } from './selection.ts'

/** Writes rollups anew where they are not what the raw events say, and has running charges priced anew. */
export const rebuild: Command = {
  summary: 'writes rollups anew from raw events and has running charges priced anew',
  help: `tabkeeper rebuild [OPTIONS]

Counts the raw events anew and writes the rollups that differ, a day of a customer at a time, and the distinct values
that were not last seen when they are said to be, while ingestion goes on.
Running charges of the customers are priced anew by the price-usage worker, as soon as it runs.

${SELECTION_HELP}
  --archive DIR      where archived months lie; needed where there are any
  --json             the last line of the output is one JSON object`,
  options: { ...SELECTION_OPTIONS, archive: TEXT },
  run: (database, request) => besideArchiving(database, () => writeAnew(database, request)),
}

async function writeAnew(database: OpenDatabase, request: CommandRequest): Promise<CommandOutcome> {
  const rebuilt: RebuiltUsage[] = []
  for (const selection of await requireSelections(database, request)) {
    const archive = await requireArchive(database, selection.organizationId, request)
    const tell = ({ customers, days }: RebuiltUsage) =>
      request.progress(`${selection.organization}: ${customers} customers, ${days} days written anew`)
    rebuilt.push(await rebuildOrganization(database, selection, { archive, progress: tell }))
  }
  const sum = (of: (one: RebuiltUsage) => number) => rebuilt.reduce((total, one) => total + of(one), 0)
  const [customers, days, rollups] = [sum((one) => one.customers), sum((one) => one.days), sum((one) => one.rollups)]
  const values = sum((one) => one.distinctValues)
  const rebuilding = rebuilt.flatMap((one) => one.rebuilding)
  return {
    exitCode: EXIT_CODES.done,
    lines: [
      `Read the usage of ${customers} customers; wrote ${days} days anew, ${rollups} rollups, and ${values} distinct values.`,
      ...(rebuilding.length === 0 ? [] : [`Left out, because they are being counted anew: ${rebuilding.join(', ')}.`]),
    ],
    json: { command: 'rebuild', customers, days, rollups, distinct_values: values, rebuilding },
  }
}

async function requireArchive(
  { pool }: OpenDatabase,
  organizationId: number,
  { values }: CommandRequest,
): Promise<SelectedArchive> {
  const usage = await listArchivedUsage(pool, organizationId)
  const { archive } = values
  if (archive !== undefined || usage.length === 0) {
    return { usage, read: archive === undefined ? undefined : openArchive(archive) }
  }
  const months = [...new Set(usage.map(({ month }) => month))].join(', ')
  throw new CommandError('failed', `The events of ${months} are archived: say where they lie, with --archive DIR.`)
}
