import { type Difference, openDifferenceLog } from '../../db/verify/difference.ts'
import { type VerifiedOrganization, verifyOrganization } from '../../db/verify/verify-organization.ts'
import { openArchive } from './archive/open-archive.ts'
import { besideArchiving } from './beside-archiving.ts'
import { type Command, type CommandOutcome, type CommandRequest, TEXT } from './command.ts'
import { EXIT_CODES } from './command-error.ts'
import type { OpenDatabase } from './open-database.ts'
import { requireSelections, SELECTION_HELP, SELECTION_OPTIONS } from './selection.ts'

const LISTED_DIFFERENCES = 100

/** Compares all that is derived with what it is derived from, and tells every difference. */
export const verify: Command = {
  summary: 'compares rollups, charges, balances and numbers with what they are derived from',
  help: `tabkeeper verify [OPTIONS]

Counts the raw events anew and compares every column of the rollups, when distinct values were last seen, the claims of
identities and contents, running charges, what closed periods were billed, balances, postings, and lines, totals and numbers
of invoices and credit notes. Changes nothing, and ingestion goes on meanwhile.
Ends with 0 when all is equal, with 1 when it is not; the first ${LISTED_DIFFERENCES} differences are listed.

${SELECTION_HELP}
  --archive DIR      where archived months lie; without it their rollups are not compared
  --json             the last line of the output is one JSON object`,
  options: { ...SELECTION_OPTIONS, archive: TEXT },
  run: (database, request) => besideArchiving(database, () => compare(database, request)),
}

async function compare(database: OpenDatabase, request: CommandRequest): Promise<CommandOutcome> {
  const { archive } = request.values
  const read = archive === undefined ? undefined : openArchive(archive)
  const log = openDifferenceLog(LISTED_DIFFERENCES)
  const verified: VerifiedOrganization[] = []
  const selections = await requireSelections(database, request)
  for (const selection of selections) {
    request.progress(`Comparing ${selection.organization}`)
    verified.push(await verifyOrganization(database.connection, selection, { log, read }))
  }
  const isEqual = log.count === 0
  return {
    exitCode: isEqual ? EXIT_CODES.done : EXIT_CODES.different,
    lines: [...log.listed.map(differenceLine), ...summaryLines(verified, log.count)],
    json: {
      command: 'verify',
      equal: isEqual,
      differences: log.count,
      listed: log.listed,
      organizations: selections.length,
      ...totals(verified),
      rebuilding: verified.flatMap(({ rebuilding }) => rebuilding),
      unread: unreadMonths(verified),
    },
  }
}

function unreadMonths(verified: readonly VerifiedOrganization[]): readonly string[] {
  return [...new Set(verified.flatMap(({ unread }) => unread))].sort()
}

function differenceLine({ check, about, stored, computed }: Difference): string {
  const where = Object.entries(about).map(([name, value]) => `${name} ${value}`)
  return `${check}: ${where.join(', ')}: stored ${stored ?? 'nothing'}, computed ${computed ?? 'nothing'}`
}

function summaryLines(verified: readonly VerifiedOrganization[], differences: number): string[] {
  const { rollups, distinct_values: values, event_keys: keys, running_subscriptions: subscriptions } = totals(verified)
  const rebuilding = verified.flatMap((one) => one.rebuilding)
  const unread = unreadMonths(verified)
  return [
    `Compared ${rollups} rollups, ${values} distinct values, ${keys} identities of events and the charges of ${subscriptions} subscriptions.`,
    ...(rebuilding.length === 0 ? [] : [`Left out, because they are being counted anew: ${rebuilding.join(', ')}.`]),
    ...(unread.length === 0 ? [] : [`Left out, because --archive does not say where they lie: ${unread.join(', ')}.`]),
    differences === 0 ? 'All is equal.' : `${differences} differences.`,
  ]
}

function totals(verified: readonly VerifiedOrganization[]) {
  const sum = (of: (one: VerifiedOrganization) => number) => verified.reduce((total, one) => total + of(one), 0)
  return {
    rollups: sum(({ rollups }) => rollups),
    distinct_values: sum(({ distinctValues }) => distinctValues),
    event_keys: sum(({ eventKeys }) => eventKeys),
    running_subscriptions: sum(({ runningSubscriptions }) => runningSubscriptions),
  }
}
