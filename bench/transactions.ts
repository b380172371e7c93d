import { randomBytes } from 'node:crypto'
import { parseArgs } from 'node:util'
import { Pool } from 'pg'
import { createOrganization } from '../db/organizations.ts'
import { BenchService } from './service/bench-service.ts'
import { sendTransactions, untilAllPosted } from './transactions/send-transactions.ts'
import { insertSingly, sideTables } from './transactions/single-inserts.ts'
import { wholeNumber } from './whole-number.ts'

const USAGE = 'npm run bench:transactions -- [--count N] [--connections N] [--json]'

/** What one run has measured; rates are transactions per second. */
interface Figures {
  readonly transactions: number
  readonly connections: number
  readonly answered_per_s: number
  readonly posted_per_s: number
  readonly answer_p50_ms: number
  readonly answer_p99_ms: number
  readonly single_inserts_per_s: number
  readonly single_insert_connections: number
  /** From the first POST to the last posting, against the single inserts. */
  readonly ratio: number
}

// As many as the web process has, so that both sides may commit as many at once.
const INSERT_CONNECTIONS = 8

const options = readOptions()
const service = new BenchService()
try {
  await service.start()
  print(await measure())
} finally {
  await service.stop()
}

async function measure(): Promise<Figures> {
  const { count, connections } = options
  const { organizationId, apiKey } = await createOrganization(service.databaseUrl, { name: 'Bench' })
  const pool = new Pool({
    connectionString: service.databaseUrl,
    max: INSERT_CONNECTIONS,
    options: '-c search_path=tabkeeper',
  })
  try {
    const sender = { url: service.url, apiKey, connections, prefix: randomBytes(4).toString('hex') }
    await sendTransactions({ ...sender, prefix: 'warm-up' }, Math.min(1000, count))
    await untilAllPosted(pool, organizationId)
    const startedAt = performance.now()
    const { latenciesMs } = await sendTransactions(sender, count)
    const answeredMs = performance.now() - startedAt
    await untilAllPosted(pool, organizationId)
    const postedMs = performance.now() - startedAt
    const rows = await sideTables(pool, organizationId, `${sender.prefix}-`)
    const insertedMs = await insertSingly(pool, rows, INSERT_CONNECTIONS)
    return figures({ answeredMs, postedMs, insertedMs, latenciesMs })
  } finally {
    await pool.end()
  }
}

interface Measured {
  readonly answeredMs: number
  readonly postedMs: number
  readonly insertedMs: number
  readonly latenciesMs: readonly number[]
}

function figures({ answeredMs, postedMs, insertedMs, latenciesMs }: Measured): Figures {
  const { count, connections } = options
  const rate = (ms: number) => Math.round((count / ms) * 1000)
  const sorted = latenciesMs.toSorted((one, other) => one - other)
  const quantile = (share: number) => Math.round((sorted[Math.floor(sorted.length * share)] ?? 0) * 10) / 10
  return {
    transactions: count,
    connections,
    answered_per_s: rate(answeredMs),
    posted_per_s: rate(postedMs),
    answer_p50_ms: quantile(0.5),
    answer_p99_ms: quantile(0.99),
    single_inserts_per_s: rate(insertedMs),
    single_insert_connections: INSERT_CONNECTIONS,
    ratio: Math.round((insertedMs / postedMs) * 100) / 100,
  }
}

function print(result: Figures): void {
  const show = options.json ? console.error : console.log
  show(`${result.transactions} transactions over ${result.connections} connections:`)
  show(`  answered  ${result.answered_per_s}/s (p50 ${result.answer_p50_ms} ms, p99 ${result.answer_p99_ms} ms)`)
  show(`  posted    ${result.posted_per_s}/s, from the first POST to the last posting`)
  show(
    `  inserted  ${result.single_inserts_per_s}/s, the same rows one by one over ${INSERT_CONNECTIONS} connections, nothing else running`,
  )
  show(`  ratio     ${result.ratio}`)
  if (options.json) console.log(JSON.stringify(result))
}

function readOptions(): { count: number; connections: number; json: boolean } {
  const text = { type: 'string' } as const
  const { values } = parseArgs({ options: { count: text, connections: text, json: { type: 'boolean' } } })
  return {
    count: wholeNumber('count', values.count ?? '20000', { most: 200_000, usage: USAGE }),
    connections: wholeNumber('connections', values.connections ?? '256', { most: 1000, usage: USAGE }),
    json: values.json ?? false,
  }
}
