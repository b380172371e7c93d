import { withArchiveLock } from '../../db/archives/archive-lock.ts'
import type { CommandOutcome } from './command.ts'
import { CommandError } from './command-error.ts'
import type { OpenDatabase } from './open-database.ts'

/** Runs a command that reads raw events, while nobody archives any. Throws when somebody does already. */
export async function besideArchiving(
  { pool }: OpenDatabase,
  work: () => Promise<CommandOutcome>,
): Promise<CommandOutcome> {
  const done = await withArchiveLock(pool, 'shared', work)
  if (done !== undefined) return done.result
  throw new CommandError('failed', 'Months are being archived or restored just now: try again when that is done.')
}

/** Runs a command that archives or restores, while nobody else does and nobody compares or rebuilds. */
export async function archivingAlone(
  { pool }: OpenDatabase,
  work: () => Promise<CommandOutcome>,
): Promise<CommandOutcome> {
  const done = await withArchiveLock(pool, 'alone', work)
  if (done !== undefined) return done.result
  throw new CommandError('failed', 'Another verify, rebuild or archiving is at work: try again when it is done.')
}
