import { Pool } from 'pg'
import { quantile } from './ingest/measure-run.ts'
import { BenchService } from './service/bench-service.ts'
import { RAW_CASES } from './usage/bench-metrics.ts'
import { requireExactUnits } from './usage/check-answer.ts'
import { fillTables, SMALL_EVENTS } from './usage/fill-tables.ts'
import { LARGE, openCustomers, SMALL, subscriptionOf } from './usage/open-customers.ts'
import { askUsage, closeConnections, timesInTurn } from './usage/request-times.ts'
import { readUsageOptions } from './usage/usage-options.ts'

const RAW_REQUESTS = 10

const options = readUsageOptions()
const service = new BenchService()
try {
  await service.start()
  print(await measure())
} finally {
  closeConnections()
  await service.stop()
}

async function measure() {
  const { organizationId, apiKey } = await openCustomers(service)
  const asked = { url: service.url, apiKey }
  const pool = new Pool({ connectionString: service.databaseUrl, max: 1, options: '-c search_path=tabkeeper' })
  try {
    const startedAt = performance.now()
    await fillTables(pool, organizationId, options)
    const fillMs = performance.now() - startedAt
    for (const customer of [LARGE, SMALL]) {
      const { lines } = await askUsage(asked, subscriptionOf(customer))
      await requireExactUnits(pool, { organizationId, customer }, lines)
    }
    // Warms up.
    await timesInTurn(asked, [LARGE, SMALL], options.requests)
    const [large = [], small = []] = await timesInTurn(asked, [LARGE, SMALL], options.requests)
    return { fillMs, large, small, raw: await measureRaw(asked) }
  } finally {
    await pool.end()
  }
}

async function measureRaw(asked: Parameters<typeof askUsage>[0]): Promise<ReadonlyMap<string, readonly number[]>> {
  const raw = new Map<string, number[]>()
  for (const { code } of RAW_CASES) {
    const times: number[] = []
    raw.set(code, times)
    while (times.length < RAW_REQUESTS) times.push((await askUsage(asked, subscriptionOf(SMALL, code))).ms)
  }
  return raw
}

function print({ fillMs, large, small, raw }: Awaited<ReturnType<typeof measure>>): void {
  const show = options.json ? console.error : console.log
  const [p50, p99] = [0.5, 0.99]
  const ratio = (share: number) => hundredths(quantile(large, share) / quantile(small, share))
  const line = (events: number, times: readonly number[]) =>
    `  ${String(events).padStart(9)} events: p50 ${hundredths(quantile(times, p50))} ms, p99 ${hundredths(quantile(times, p99))} ms`
  show(`current usage over HTTP, ${options.requests} requests each (tables filled in ${Math.round(fillMs / 1000)} s):`)
  show(line(options.events, large))
  show(line(SMALL_EVENTS, small))
  show(`  ratio: p50 ${ratio(p50)}, p99 ${ratio(p99)}`)
  show(`charges that read the ${SMALL_EVENTS} events of the period, median:`)
  for (const [code, times] of raw) show(`  ${code}: ${hundredths(quantile(times, p50))} ms`)
  if (!options.json) return
  console.log(
    JSON.stringify({
      events: options.events,
      p50_ms: hundredths(quantile(large, p50)),
      p99_ms: hundredths(quantile(large, p99)),
      small_events: SMALL_EVENTS,
      small_p50_ms: hundredths(quantile(small, p50)),
      small_p99_ms: hundredths(quantile(small, p99)),
      p50_ratio: ratio(p50),
      p99_ratio: ratio(p99),
      raw_p50_ms: Object.fromEntries([...raw].map(([code, times]) => [code, hundredths(quantile(times, p50))])),
    }),
  )
}

function hundredths(value: number): number {
  return Math.round(value * 100) / 100
}
