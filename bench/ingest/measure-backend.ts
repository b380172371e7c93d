import { Pool } from 'pg'
import { assert } from '../../shared/errors.ts'
import { BenchService } from '../service/bench-service.ts'
import { copyRows, readRows } from './copy-rows.ts'
import { type EventShape, type PreparedEvents, prepareEvents, prepareEverySeries } from './events.ts'
import { batchRequests, singleRequests } from './http-requests.ts'
import type { IngestOptions } from './ingest-options.ts'
import { type Bench, measureRun, quantile, type RunFigures } from './measure-run.ts'
import { openOrganization } from './open-organization.ts'
import { peakResidentMegabytes, type WatchedProcess } from './process-costs.ts'
import { sendAll, sendPaced } from './send-requests.ts'
import { untilSettled } from './settle.ts'
import { watchUsage } from './watch-usage.ts'

/** What one backend has shown; the runs are told apart by what their events are like. */
export interface BackendFigures {
  readonly copyRowsPerS: readonly number[]
  /** The middle one of some. */
  readonly oneMetric: RunFigures
  readonly threeMetrics: RunFigures
  readonly duplicates: RunFigures
  readonly oneCustomer: RunFigures
  readonly singles: RunFigures
  readonly paced: { readonly rate: number; readonly run: RunFigures; readonly visibleMs: readonly number[] }
  /** The most memory that each process of ours has held, in megabytes. */
  readonly peakMegabytes: Readonly<Record<string, number>>
}

const USUAL: EventShape = { metrics: 1, duplicates: 0, ofOneCustomer: 0 }
const TURNS = 3
// With 200 each waits half of the time for others to join its job, and processors rest.
const SINGLES_CONNECTIONS = 300
// More than it needs, so that no request waits for a connection.
const PACED_CONNECTIONS = 64

/** Starts the service, runs everything on it, and stops it. */
export async function measureBackend(
  options: IngestOptions,
  redis: { readonly url: string; readonly pid: number } | undefined,
): Promise<BackendFigures> {
  const service = new BenchService({ redisUrl: redis?.url })
  const beside: WatchedProcess[] = redis === undefined ? [] : [{ name: 'redis', pid: redis.pid, withChildren: false }]
  try {
    await service.start()
    const pool = new Pool({ connectionString: service.databaseUrl, max: 2, options: '-c search_path=tabkeeper,bullmq' })
    try {
      pool.on('error', () => undefined)
      const organization = await openOrganization(service)
      await untilSettled(pool, redis?.url)
      return await runAll({ service, organization, pool, beside }, options)
    } finally {
      await pool.end()
    }
  } finally {
    await service.stop()
  }
}

async function runAll(bench: Bench, options: IngestOptions): Promise<BackendFigures> {
  const { events, seconds } = options
  await runBatches(bench, options, prepareEverySeries('series'))
  await runBatches(bench, options, prepareEvents('warm', Math.ceil(events / 2), USUAL))
  const run = (prefix: string, share: number, shape: Partial<EventShape>) =>
    runBatches(bench, options, prepareEvents(prefix, Math.ceil(events * share), { ...USUAL, ...shape }))
  const oneMetric: RunFigures[] = []
  const copyRowsPerS: number[] = []
  // In turns, because the machine may be slower or faster a minute later.
  for (let turn = 1; turn <= TURNS; turn += 1) {
    const prefix = `one${turn}`
    oneMetric.push(await run(prefix, 1, {}))
    const rows = await readRows(bench.pool, bench.organization.organizationId, prefix)
    copyRowsPerS.push(await copyRows(bench.pool, rows))
  }
  const threeMetrics = await run('three', 0.4, { metrics: 3 })
  const duplicates = await run('twice', 0.6, { duplicates: 0.05 })
  const oneCustomer = await run('hot', 0.4, { ofOneCustomer: 0.5 })
  await runSingles(bench, prepareEvents('warm-single', Math.ceil(events / 16), USUAL))
  const singles = await runSingles(bench, prepareEvents('single', Math.ceil(events / 8), USUAL))
  const middle = middleRun(oneMetric)
  const rate = middle.eventsPerS / 2
  const paced = await runPaced(bench, options, {
    rate,
    prepared: prepareEvents('paced', Math.ceil(rate * seconds), USUAL),
  })
  return {
    oneMetric: middle,
    threeMetrics,
    duplicates,
    oneCustomer,
    singles,
    paced,
    copyRowsPerS,
    peakMegabytes: peakMegabytes(bench),
  }
}

function runBatches(bench: Bench, { batch, connections }: IngestOptions, prepared: PreparedEvents) {
  const requests = batchRequests(bench.organization, prepared.texts, batch)
  return measureRun(bench, prepared, () => sendAll(bench.organization.url, requests, connections))
}

function runSingles(bench: Bench, prepared: PreparedEvents) {
  const requests = singleRequests(bench.organization, prepared.texts)
  return measureRun(bench, prepared, () => sendAll(bench.organization.url, requests, SINGLES_CONNECTIONS))
}

async function runPaced(
  bench: Bench,
  { batch }: IngestOptions,
  { rate, prepared }: { rate: number; prepared: PreparedEvents },
): Promise<BackendFigures['paced']> {
  const requests = batchRequests(bench.organization, prepared.texts, batch)
  let visibleMs: readonly number[] = []
  const run = await measureRun(bench, prepared, async () => {
    const sending = sendPaced(bench.organization.url, requests, { connections: PACED_CONNECTIONS, rate })
    visibleMs = await watchUsage(bench.organization, sending)
    prepared.tally.events += visibleMs.length
    return await sending
  })
  return { rate, run, visibleMs }
}

function middleRun(runs: readonly RunFigures[]): RunFigures {
  const rate = median(runs.map(({ eventsPerS }) => eventsPerS))
  const middle = runs.find(({ eventsPerS }) => eventsPerS === rate)
  assert(middle !== undefined, 'no run was measured')
  return middle
}

function peakMegabytes({ service }: Bench): Record<string, number> {
  const nodes = service.processes().filter(({ name }) => name !== 'postgres')
  return Object.fromEntries(
    nodes.flatMap(({ name, pid }) => (pid === undefined ? [] : [[name, peakResidentMegabytes(pid)]])),
  )
}

/** The middle of some rates. */
export function median(values: readonly number[]): number {
  return quantile(values, 0.5)
}
