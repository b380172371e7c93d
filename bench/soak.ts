import { Pool } from 'pg'
import { ensureRedisInstalled, startRedis } from '../cli/check/redis-server.ts'
import { readCounted, requireExactlyCounted, untilCounted } from './ingest/counted.ts'
import { type PreparedEvents, prepareEvents, prepareEverySeries, type Tally } from './ingest/events.ts'
import { batchRequests } from './ingest/http-requests.ts'
import { type Bench, measureRun, quantile, type RunFigures } from './ingest/measure-run.ts'
import { openOrganization } from './ingest/open-organization.ts'
import { sendAll, sendPaced } from './ingest/send-requests.ts'
import { untilSettled } from './ingest/settle.ts'
import { BenchService } from './service/bench-service.ts'
import { endlessRequests } from './soak/endless-requests.ts'
import { readSoakOptions } from './soak/soak-options.ts'
import { comparison, lineOf, watchService } from './soak/watch-service.ts'

const MEASURED_EVENTS = 200_000
const SHAPE = { metrics: 1, duplicates: 0, ofOneCustomer: 0 } as const
const BATCH = 1000
const CONNECTIONS = 16
// More than it needs, so that no request waits for a connection.
const PACED_CONNECTIONS = 64

const options = readSoakOptions()
const redis = options.backend === 'redis' && ensureRedisInstalled() ? await startRedis() : undefined
const redisUrl = redis?.environment['REDIS_URL']
const service = new BenchService({ redisUrl })
try {
  await service.start()
  const pool = new Pool({ connectionString: service.databaseUrl, max: 2, options: '-c search_path=tabkeeper,bullmq' })
  pool.on('error', () => undefined)
  const organization = await openOrganization(service)
  await untilSettled(pool, redisUrl)
  await soak({ service, organization, pool, beside: [] })
  await pool.end()
} finally {
  await service.stop()
  await redis?.stop()
}

async function soak(bench: Bench): Promise<void> {
  await fill(bench, prepareEverySeries('series'))
  const { eventsPerS } = await fill(bench, prepareEvents('measured', MEASURED_EVENTS, SHAPE))
  const rate = (eventsPerS * options.share) / 100
  console.log(`${Math.round(eventsPerS)} events/s were measured; now ${options.seconds} s at ${Math.round(rate)}/s`)
  const { organization, pool } = bench
  const before = await readCounted(pool, organization.organizationId)
  const endsAt = performance.now() + options.seconds * 1000
  const isOver = () => performance.now() >= endsAt
  const tally: Tally = { events: 0, metrics: new Map() }
  const watching = watchService(bench, isOver, (sample) => console.log(lineOf(sample)))
  const requests = endlessRequests(organization, tally, isOver)
  const latenciesMs = await sendPaced(organization.url, requests, { connections: PACED_CONNECTIONS, rate })
  const samples = await watching
  await untilCounted(organization)
  requireExactlyCounted(before, await readCounted(pool, organization.organizationId), tally)
  const [p50, p99] = [0.5, 0.99].map((share) => Math.round(quantile(latenciesMs, share)))
  console.log(`${tally.events} events were sent and counted exactly; acknowledged in p50 ${p50} ms, p99 ${p99} ms`)
  for (const line of comparison(samples)) console.log(line)
}

async function fill({ organization, ...bench }: Bench, prepared: PreparedEvents): Promise<RunFigures> {
  const requests = batchRequests(organization, prepared.texts, BATCH)
  return await measureRun({ organization, ...bench }, prepared, () => sendAll(organization.url, requests, CONNECTIONS))
}
