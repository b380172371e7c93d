import { Pool } from 'pg'
import { ensureRedisInstalled, startRedis } from '../cli/check/redis-server.ts'
import { readCounted, requireExactlyCounted, untilCounted } from './ingest/counted.ts'
import { prepareEverySeries, type Tally } from './ingest/events.ts'
import { batchRequests, type PreparedRequest } from './ingest/http-requests.ts'
import { type Bench, quantile } from './ingest/measure-run.ts'
import { openOrganization } from './ingest/open-organization.ts'
import { sendAll, sendPaced } from './ingest/send-requests.ts'
import { untilSettled } from './ingest/settle.ts'
import { BenchService } from './service/bench-service.ts'
import { whileBacklogIsSmall } from './soak/bounded-backlog.ts'
import { endlessRequests } from './soak/endless-requests.ts'
import { readSoakOptions } from './soak/soak-options.ts'
import { comparison, lineOf, type Sample, watchService } from './soak/watch-service.ts'

const BATCH = 1000
const CONNECTIONS = 16
// More than it needs, so that no request waits for a connection.
const PACED_CONNECTIONS = 64

const options = readSoakOptions()
if (options.backend === 'redis' && !ensureRedisInstalled()) {
  throw new Error('redis-server is not installed; with --only postgres none is needed')
}
const redis = options.backend === 'redis' ? await startRedis() : undefined
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
  const { organization } = bench
  const every = batchRequests(organization, prepareEverySeries('series').texts, BATCH)
  await sendAll(organization.url, every, CONNECTIONS)
  await untilCounted(organization)
  const measured = await sendFor(bench, 'measured', options.measuredSeconds, (requests) =>
    sendAll(organization.url, whileBacklogIsSmall(organization, requests), CONNECTIONS),
  )
  const rate = (measured.eventsPerS * options.share) / 100
  const seconds = `${options.measuredSeconds} s at ${Math.round(measured.eventsPerS)}/s`
  console.log(`as fast as they were counted: ${seconds}; now ${options.seconds} s at ${Math.round(rate)}/s`)
  let samples: readonly Sample[] = []
  const { events, latenciesMs } = await sendFor(bench, 'soak', options.seconds, async (requests, isOver) => {
    const watching = watchService(bench, isOver, (sample) => console.log(lineOf(sample)))
    const latencies = await sendPaced(organization.url, requests, { connections: PACED_CONNECTIONS, rate })
    samples = await watching
    return latencies
  })
  const [p50, p99] = [0.5, 0.99].map((share) => Math.round(quantile(latenciesMs, share)))
  console.log(`${events} events were sent and counted exactly; acknowledged in p50 ${p50} ms, p99 ${p99} ms`)
  for (const line of comparison(samples)) console.log(line)
}

/** Sends until the time is over, and checks that exactly what was sent is counted. */
async function sendFor(
  { organization, pool }: Bench,
  prefix: string,
  seconds: number,
  send: (requests: Iterable<PreparedRequest>, isOver: () => boolean) => Promise<readonly number[]>,
): Promise<{ events: number; eventsPerS: number; latenciesMs: readonly number[] }> {
  const before = await readCounted(pool, organization.organizationId)
  const tally: Tally = { events: 0, metrics: new Map() }
  const startedAt = performance.now()
  const isOver = () => performance.now() >= startedAt + seconds * 1000
  const latenciesMs = await send(endlessRequests(organization, prefix, tally, isOver), isOver)
  await untilCounted(organization)
  const eventsPerS = (tally.events / (performance.now() - startedAt)) * 1000
  requireExactlyCounted(before, await readCounted(pool, organization.organizationId), tally)
  return { events: tally.events, eventsPerS, latenciesMs }
}
