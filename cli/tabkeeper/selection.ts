import { findSelections } from '../../db/verify/find-selections.ts'
import type { UsageSelection } from '../../db/verify/usage-selection.ts'
import type { CommandRequest } from './command.ts'
import { TEXT } from './command.ts'
import { CommandError } from './command-error.ts'
import type { OpenDatabase } from './open-database.ts'

/** A selection with the name of its organization. */
export interface NamedSelection extends UsageSelection {
  readonly organization: string
}

/** The options by which commands choose what they look at. */
export const SELECTION_OPTIONS = { organization: TEXT, metric: TEXT, customer: TEXT } as const

/** The lines about them in `--help`. */
export const SELECTION_HELP = [
  '  --organization X   only the organization of this id or name; all of them when left out',
  '  --metric CODE      only the billable metric of this code',
  '  --customer ID      only the customer of this external id',
].join('\n')

/** What the options choose, organization by organization. Throws when it is nothing. */
export async function requireSelections(
  { connection }: OpenDatabase,
  { values }: CommandRequest,
): Promise<readonly NamedSelection[]> {
  const { organization, metric, customer } = values
  const selections = await findSelections(connection, { organization, metric, customer })
  if (selections.length > 0) return selections
  const asked = Object.entries({ organization, metric, customer }).filter(([, value]) => value !== undefined)
  const words = asked.map(([name, value]) => `--${name} ${value}`).join(' ')
  throw new CommandError('usage', asked.length === 0 ? 'There is no organization yet.' : `Nothing matches ${words}.`)
}
