import type { Pool } from 'pg'
import type { BenchService } from '../service/bench-service.ts'
import { readCounted, requireExactlyCounted, untilCounted } from './counted.ts'
import type { PreparedEvents } from './events.ts'
import type { BenchOrganization } from './open-organization.ts'
import { microsPerEvent, processorTimes, type WatchedProcess } from './process-costs.ts'

/** The service under measurement, and what it takes to look into it. */
export interface Bench {
  readonly service: BenchService
  readonly organization: BenchOrganization
  readonly pool: Pool
  /** Servers that are no part of the Procfile. */
  readonly beside: readonly WatchedProcess[]
}

/** What a run has shown. */
export interface RunFigures {
  /** From the first request to the last event counted. */
  readonly eventsPerS: number
  readonly latenciesMs: readonly number[]
  /** Processor time by process, in microseconds per event sent. */
  readonly costs: Readonly<Record<string, number>>
}

/** Sends prepared events, waits until they are counted and checks that exactly they were. */
export async function measureRun(
  bench: Bench,
  prepared: PreparedEvents,
  send: () => Promise<readonly number[]>,
): Promise<RunFigures> {
  const { organization, pool } = bench
  const before = await readCounted(pool, organization.organizationId)
  const timesBefore = processorTimes(watched(bench))
  const startedAt = performance.now()
  const latenciesMs = await send()
  await untilCounted(organization)
  const ms = performance.now() - startedAt
  const costs = microsPerEvent(timesBefore, processorTimes(watched(bench)), prepared.texts.length)
  requireExactlyCounted(before, await readCounted(pool, organization.organizationId), prepared.tally)
  return { eventsPerS: (prepared.texts.length / ms) * 1000, latenciesMs, costs }
}

/** Every process whose cost counts: the service's, the servers, and this one, which is the load. */
function watched({ service, beside }: Pick<Bench, 'service' | 'beside'>): readonly WatchedProcess[] {
  const own = service
    .processes()
    .flatMap(({ name, pid }) => (pid === undefined ? [] : [{ name, pid, withChildren: name === 'postgres' }]))
  return [...own, ...beside, { name: 'load', pid: process.pid, withChildren: false }]
}

/** The value that the share of all values does not exceed; zero when there are none. */
export function quantile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((one, other) => one - other)
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0
}
