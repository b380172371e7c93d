import type { Backend } from './ingest-options.ts'
import { type BackendFigures, median } from './measure-backend.ts'
import { quantile, type RunFigures } from './measure-run.ts'

/** Everything that one call has measured; undefined is what was left out. */
export interface IngestFigures {
  /** Of each run of one job per event; none without a Redis. */
  readonly naiveEventsPerS: readonly number[]
  readonly backends: ReadonlyMap<Backend, BackendFigures>
}

/** The line for machines. Rates are per second; those of COPY are the median, those of one job per event the mean over the whole call. */
export function jsonReport(figures: IngestFigures): Record<string, unknown> {
  return {
    copy_rows_per_s: Math.round(copyRate(figures)),
    naive_events_per_s: figures.naiveEventsPerS.length === 0 ? null : Math.round(mean(figures.naiveEventsPerS)),
    ...Object.fromEntries([...figures.backends].map(([name, backend]) => [name, jsonOf(backend)])),
  }
}

function jsonOf({ oneMetric, threeMetrics, duplicates, oneCustomer, singles, paced, peakMegabytes }: BackendFigures) {
  return {
    events_per_s: Math.round(oneMetric.eventsPerS),
    singles_per_s: Math.round(singles.eventsPerS),
    events_per_s_5pct_duplicates: Math.round(duplicates.eventsPerS),
    ack_p50_ms: tenths(quantile(paced.run.latenciesMs, 0.5)),
    ack_p99_ms: tenths(quantile(paced.run.latenciesMs, 0.99)),
    visible_p99_ms: tenths(quantile(paced.visibleMs, 0.99)),
    rss_mb_max: Math.max(...Object.values(peakMegabytes)),
    events_per_s_3_metrics: Math.round(threeMetrics.eventsPerS),
    events_per_s_one_customer_half: Math.round(oneCustomer.eventsPerS),
    paced_events_per_s: Math.round(paced.rate),
    rss_mb: peakMegabytes,
    cpu_us_per_event: oneMetric.costs,
  }
}

/** The lines for people. */
export function textReport(figures: IngestFigures): readonly string[] {
  const copies = [...figures.backends.values()].flatMap(({ copyRowsPerS }) => copyRowsPerS)
  const copy = copyRate(figures)
  const naives = figures.naiveEventsPerS
  const naive = naives.length === 0 ? undefined : mean(naives)
  return [
    `COPY    ${whole(copy)} rows/s, median of ${copies.map(whole).join(', ')}: one prebuilt stream, one connection, nothing else`,
    naive === undefined
      ? 'naive   left out: it takes a Redis'
      : `naive   ${whole(naive)} events/s, mean of ${naives.map(whole).join(', ')}: one job per event`,
    ...[...figures.backends].flatMap(([name, backend]) => backendLines(name, backend, { copy, naive })),
  ]
}

interface Yardsticks {
  readonly copy: number
  readonly naive: number | undefined
}

function backendLines(name: Backend, figures: BackendFigures, { copy, naive }: Yardsticks): string[] {
  const { oneMetric, threeMetrics, duplicates, oneCustomer, singles, paced, peakMegabytes } = figures
  const times = naive === undefined ? '' : `, ${tenths(oneMetric.eventsPerS / naive)} x naive`
  const line = (title: string, run: RunFigures, more = '') =>
    `  ${title.padEnd(34)} ${whole(run.eventsPerS).padStart(7)}/s  ${ratio(run.eventsPerS / copy)} of COPY${more}`
  return [
    `queues on ${name}, from the first POST to the last event counted:`,
    line('each counted by one metric', oneMetric, times),
    line('each counted by three metrics', threeMetrics),
    line('5 % sent twice', duplicates),
    line('half from one customer', oneCustomer),
    line('one event per request', singles),
    `  at a steady ${whole(paced.rate)}/s: acknowledged in ${latencies(paced.run.latenciesMs)}, ` +
      `then visible in ${latencies(paced.visibleMs)} (${paced.visibleMs.length} looked for)`,
    `  processor, us per event: ${costs(oneMetric)}; with three metrics: ${costs(threeMetrics)}`,
    `  peak memory, MB: ${Object.entries(peakMegabytes)
      .map(([process, megabytes]) => `${process} ${megabytes}`)
      .join(', ')}`,
  ]
}

function copyRate({ backends }: IngestFigures): number {
  return median([...backends.values()].flatMap(({ copyRowsPerS }) => copyRowsPerS))
}

// Processes that wait for their time use next to nothing.
function costs(run: RunFigures): string {
  return Object.entries(run.costs)
    .filter(([, micros]) => micros >= 0.1)
    .map(([process, micros]) => `${process} ${micros}`)
    .join(', ')
}

function latencies(values: readonly number[]): string {
  return `p50 ${tenths(quantile(values, 0.5))} ms, p99 ${tenths(quantile(values, 0.99))} ms`
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length
}

function whole(value: number): string {
  return String(Math.round(value))
}

function tenths(value: number): number {
  return Math.round(value * 10) / 10
}

function ratio(value: number): string {
  return value.toFixed(2)
}
