import type { Logger } from 'pino'
import { isUnreachable } from '../shared/unreachable.ts'

/**
 * Runs the work on all ids at once; when that fails, on halves of them, down to the one at fault, so that it holds up
 * no other; that one may be set aside. Answers with the sum of what the work reports; throws the first failure after all
 * others are done, and at once when the database is away or another transaction was in the way, which no half is to blame
 * for: the job runs again.
 */
export async function eachOrBisect<Id>(
  ids: readonly Id[],
  log: Logger,
  work: (ids: readonly Id[]) => Promise<number>,
  setAside: (id: Id) => Promise<void> = async () => {},
): Promise<number> {
  try {
    return await work(ids)
  } catch (error) {
    if (isUnreachable(error) || wasInTheWay(error)) throw error
    const [only, ...others] = ids
    if (only !== undefined && others.length === 0) {
      await setAside(only)
      throw error
    }
    log.warn({ err: error, ids: ids.length }, 'bisecting a chunk that failed')
    const middle = Math.ceil(ids.length / 2)
    const halves = await Promise.allSettled([
      eachOrBisect(ids.slice(0, middle), log, work, setAside),
      eachOrBisect(ids.slice(middle), log, work, setAside),
    ])
    const failure = halves.find((half) => half.status === 'rejected')
    if (failure !== undefined) throw failure.reason
    return halves.reduce((sum, half) => sum + (half.status === 'fulfilled' ? half.value : 0), 0)
  }
}

// A deadlock, a conflict of serializable transactions, or a lock that was not to be had.
const IN_THE_WAY: ReadonlySet<unknown> = new Set(['40P01', '40001', '55P03'])

function wasInTheWay(error: unknown): boolean {
  return IN_THE_WAY.has((error as { code?: unknown }).code)
}
