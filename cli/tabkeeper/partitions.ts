import { archiveMonths } from './archive/archive-months.ts'
import { createPartitions } from './archive/create-partitions.ts'
import { listPartitions } from './archive/list-partitions.ts'
import { restoreMonths } from './archive/restore-months.ts'
import { type Command, type CommandOutcome, type CommandRequest, TEXT } from './command.ts'
import { CommandError } from './command-error.ts'
import type { OpenDatabase } from './open-database.ts'

type Action = (database: OpenDatabase, request: CommandRequest) => Promise<CommandOutcome>

const ACTIONS: ReadonlyMap<string, { readonly run: Action; readonly options: readonly string[] }> = new Map([
  ['list', { run: listPartitions, options: [] }],
  ['create', { run: createPartitions, options: ['months'] }],
  ['archive', { run: archiveMonths, options: ['before', 'to'] }],
  ['restore', { run: restoreMonths, options: ['month', 'from'] }],
])

/** What is done with the months that raw events lie in. */
export const partitions: Command = {
  summary: 'lists, creates, archives and restores the months that raw events lie in',
  help: `tabkeeper partitions ACTION [OPTIONS]

  list                                   the months, and those that are archived
  create --months N                      makes those of this month and the N after it, so that ingestion never has to
  archive --before YYYY-MM --to DIR      writes the months before this one to files, reads them back, and takes them out
  restore --month YYYY-MM --from DIR     puts an archived month back

A month that may still be billed, or has unprocessed events, is not archived. Archived months keep their rollups, and
their events stay duplicates; what needs their single events is refused and names the month.

  --json             the last line of the output is one JSON object`,
  words: 1,
  options: { months: TEXT, before: TEXT, to: TEXT, month: TEXT, from: TEXT },
  run: async (database, request) => {
    const [name = ''] = request.words
    const action = ACTIONS.get(name)
    if (action === undefined) {
      throw new CommandError('usage', `partitions takes one of ${[...ACTIONS.keys()].join(', ')}.`)
    }
    const given = Object.keys(request.values)
    const unknown = given.find((option) => !action.options.includes(option))
    if (unknown !== undefined) throw new CommandError('usage', `partitions ${name} does not take --${unknown}.`)
    const missing = action.options.find((option) => !given.includes(option))
    if (missing !== undefined) throw new CommandError('usage', `partitions ${name} needs --${missing}.`)
    return await action.run(database, request)
  },
}
