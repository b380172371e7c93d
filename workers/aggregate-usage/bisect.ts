import type { Pool } from 'pg'
import type { Logger } from 'pino'
import { aggregateReceived } from './aggregate-events.ts'
import { keepAside } from './keep-aside.ts'
import { ReceivedEvents, type UsageBatch } from './received-events.ts'

/**
 * Aggregates batches of one organization in one transaction. When their content makes that fail, each batch is tried
 * alone, then halves of it, until the event at fault is found and kept aside: one bad event holds up no other.
 * Failures of the machinery are not bisected; the jobs run again. Answers with an outcome for each batch.
 */
export async function aggregateOrBisect(
  pool: Pool,
  log: Logger,
  { organizationId, batches }: { organizationId: number; batches: readonly UsageBatch[] },
): Promise<readonly PromiseSettledResult<void>[]> {
  if (batches.length === 0) return []
  try {
    await aggregateReceived(pool, organizationId, ReceivedEvents.ofBatches(batches))
    return batches.map(() => ({ status: 'fulfilled', value: undefined }))
  } catch (error) {
    if (!isFaultOfContent(error)) throw error
    log.warn({ err: error, organizationId, batches: batches.length }, 'bisecting batches that cannot be stored')
    const outcomes: PromiseSettledResult<void>[] = []
    for (const batch of batches) {
      outcomes.push(...(await Promise.allSettled([bisect(pool, organizationId, ReceivedEvents.ofBatches([batch]))])))
    }
    return outcomes
  }
}

async function bisect(pool: Pool, organizationId: number, events: ReceivedEvents): Promise<void> {
  try {
    await aggregateReceived(pool, organizationId, events)
  } catch (error) {
    if (!isFaultOfContent(error)) throw error
    if (events.count === 1) return await keepAside(pool, organizationId, events.at(0), error)
    const middle = Math.ceil(events.count / 2)
    await bisect(pool, organizationId, events.slice(0, middle))
    await bisect(pool, organizationId, events.slice(middle, events.count))
  }
}

// SQLSTATE classes that the content of a row can cause: data exceptions, constraint violations, limits of the program.
const CONTENT_CLASSES: ReadonlySet<string> = new Set(['21', '22', '23', '54'])

function isFaultOfContent(error: unknown): boolean {
  const code = (error as { code?: unknown }).code
  if (typeof code === 'string' && /^[0-9A-Z]{5}$/.test(code)) return CONTENT_CLASSES.has(code.slice(0, 2))
  // Without a code of Postgres or the network it is an assertion or a bug that this content brings out.
  return code === undefined && error instanceof Error && !/connection|timeout|terminated/i.test(error.message)
}
