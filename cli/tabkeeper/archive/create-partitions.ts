import { monthsFrom } from '../../../db/archives/usage-month.ts'
import { ensureUsagePartitions } from '../../../db/usage/partitions.ts'
import type { CommandOutcome, CommandRequest } from '../command.ts'
import { CommandError, EXIT_CODES } from '../command-error.ts'
import type { OpenDatabase } from '../open-database.ts'

const MOST_MONTHS = 120

/** Makes the partitions of this month and those after it; what is there stays as it is. */
export async function createPartitions({ pool }: OpenDatabase, { values }: CommandRequest): Promise<CommandOutcome> {
  const text = values['months'] ?? ''
  const count = Number(text)
  if (!/^\d+$/.test(text) || count < 1 || count > MOST_MONTHS) {
    throw new CommandError('usage', `--months is "${text}"; it takes a whole number from 1 to ${MOST_MONTHS}.`)
  }
  const months = monthsFrom(Temporal.Now.plainDateISO('UTC').toPlainYearMonth().toString(), count + 1)
  await ensureUsagePartitions(pool, months)
  const [first, last] = [months[0], months.at(-1)]
  return {
    exitCode: EXIT_CODES.done,
    lines: [`There are partitions from ${first} to ${last}.`],
    json: { command: 'partitions create', first, last },
  }
}
