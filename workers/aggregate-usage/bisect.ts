import type { Pool } from 'pg'
import type { Logger } from 'pino'
import { aggregateEvents } from './aggregate-events.ts'
import { keepAside } from './keep-aside.ts'
import type { ReceivedEvent, UsageBatch } from './usage-batch.ts'

/**
 * Aggregates batches of one organization in one transaction. When their content makes that fail, each batch is tried
 * alone, then halves of it, until the event at fault is found and kept aside: one bad event holds up no other.
 * Failures of the machinery are not bisected; the jobs run again.
 */
export async function aggregateOrBisect(
  pool: Pool,
  log: Logger,
  batches: readonly UsageBatch[],
): Promise<readonly PromiseSettledResult<void>[]> {
  const [first] = batches
  if (first === undefined) return []
  const { organizationId } = first
  try {
    await aggregateEvents(pool, organizationId, { [Symbol.iterator]: () => eventsOf(batches) })
    return batches.map(() => ({ status: 'fulfilled', value: undefined }))
  } catch (error) {
    if (!isFaultOfContent(error)) throw error
    log.warn({ err: error, organizationId, batches: batches.length }, 'bisecting batches that cannot be stored')
    const outcomes: PromiseSettledResult<void>[] = []
    for (const batch of batches) outcomes.push(...(await Promise.allSettled([bisectBatch(pool, batch)])))
    return outcomes
  }
}

function* eventsOf(batches: readonly UsageBatch[]): Generator<ReceivedEvent, void> {
  for (const { events } of batches) yield* events
}

async function bisectBatch(pool: Pool, { organizationId, events }: UsageBatch): Promise<void> {
  await bisect(pool, organizationId, [...events])
}

async function bisect(pool: Pool, organizationId: number, events: readonly ReceivedEvent[]): Promise<void> {
  try {
    await aggregateEvents(pool, organizationId, events)
  } catch (error) {
    if (!isFaultOfContent(error)) throw error
    const [only] = events
    if (events.length === 1 && only !== undefined) return await keepAside(pool, organizationId, only, error)
    const middle = Math.ceil(events.length / 2)
    await bisect(pool, organizationId, events.slice(0, middle))
    await bisect(pool, organizationId, events.slice(middle))
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
