import { Pool } from 'pg'
import { ensureRedisInstalled, startRedis } from '../cli/check/redis-server.ts'
import { type Backend, readIngestOptions } from './ingest/ingest-options.ts'
import { type BackendFigures, measureBackend } from './ingest/measure-backend.ts'
import { runNaive } from './ingest/naive-queue.ts'
import { jsonReport, textReport } from './ingest/report.ts'
import { BenchService } from './service/bench-service.ts'

const NAIVE_SHARE = 1 / 30

const options = readIngestOptions()
const hasRedis = ensureRedisInstalled()
if (!hasRedis) console.error('redis-server is not installed: the runs that take a Redis are left out')

const naiveEventsPerS: number[] = []
const backends = new Map<Backend, BackendFigures>()
for (const backend of options.backends) {
  // Before each, because the machine may be slower or faster some minutes later.
  if (hasRedis) naiveEventsPerS.push(await measureNaive())
  if (backend === 'postgres') backends.set(backend, await measureBackend(options, undefined))
  else if (hasRedis) backends.set(backend, await onRedis((redis) => measureBackend(options, redis)))
}
const figures = { naiveEventsPerS, backends }
for (const line of textReport(figures)) (options.json ? console.error : console.log)(line)
if (options.json) console.log(JSON.stringify(jsonReport(figures)))

async function measureNaive(): Promise<number> {
  return await onRedis(async ({ url: redisUrl }) => {
    const service = new BenchService()
    try {
      await service.prepare()
      const { databaseUrl } = service
      const pool = new Pool({ connectionString: databaseUrl, max: 1, options: '-c search_path=tabkeeper' })
      try {
        return await runNaive(pool, { databaseUrl, redisUrl, count: Math.ceil(options.events * NAIVE_SHARE) })
      } finally {
        await pool.end()
      }
    } finally {
      await service.stop()
    }
  })
}

async function onRedis<Result>(work: (redis: { url: string; pid: number }) => Promise<Result>): Promise<Result> {
  const redis = await startRedis()
  try {
    return await work({ url: redis.environment['REDIS_URL'] ?? '', pid: redis.pid })
  } finally {
    await redis.stop()
  }
}
