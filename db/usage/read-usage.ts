import { assert } from '../../shared/errors.ts'
import {
  bucketOf,
  cutIntoBuckets,
  DAY,
  type Level,
  QUARTER_HOUR,
  QUARTERS_PER_DAY,
  type UsageRanges,
} from '../../shared/metering/buckets.ts'
import { microsOfInstant } from '../../shared/metering/timestamp.ts'
import { NO_USAGE, type UsagePart } from '../../shared/metering/usage-part.ts'
import { decimal, type Exact } from '../../shared/money/decimal.ts'
import type { OrganizationTransaction } from '../connection.ts'
import { plainArray } from '../plain-array.ts'
import { prepared } from '../prepared-statements.ts'
import { runPrepared } from '../run-prepared.ts'
import { findWholeEdges } from './find-whole-edges.ts'
import { readDistinctEdges } from './read-distinct-edges.ts'
import { type RawRange, readEvents } from './read-events.ts'
import type { UsageQuestion, UsageSlice } from './usage-question.ts'

/**
 * Answers questions about usage. From the rollups: whole buckets, and the edges that cut through a bucket where its other
 * part has no events. Other edges from the raw events, counted by the same rule that fills the rollups. Slices of one
 * question add up to its answer.
 */
export async function readUsage(
  transaction: OrganizationTransaction,
  organizationId: number,
  questions: readonly UsageQuestion[],
): Promise<readonly UsageSlice[]> {
  const cuts = questions.map(({ start, end, source }) => {
    const [startMicros, endMicros] = [microsOfInstant(start), microsOfInstant(end)]
    if (source !== 'events') return cutIntoBuckets(startMicros, endMicros)
    return { days: { from: 0, to: 0 }, quarterHours: [], raw: [{ startMicros, endMicros }] }
  })
  const raw = cuts.flatMap((cut, position) => cut.raw.map((range) => ({ position, ...range })))
  const edges = raw.filter(({ position }) => questions[position]?.source !== 'events')
  const pieces = [...cuts.flatMap(rangesOf), ...questions.flatMap(rangesAfter), ...edges.map(bucketAround)]
  const found = await readRollups(transaction, organizationId, questions, pieces)
  // Asked later than the buckets, so that what is not there now was not in them either: no raw event ever goes away.
  const whole = await findWholeEdges(transaction, organizationId, questions, edges)
  const left = raw.filter((range) => !whole.has(range))
  const events = await readEvents(transaction, organizationId, questions, left)
  return [
    ...found.flatMap(({ piece, slice }) => (piece < EDGE || whole.has(edges[piece - EDGE]) ? [slice] : [])),
    ...(await readDistinctEdges(transaction, organizationId, questions, { ranges: left, events })),
    ...events.map((slice) => (questions[slice.position]?.source === 'distinct' ? withoutEvents(slice) : slice)),
  ]
}

function withoutEvents(slice: UsageSlice): UsageSlice {
  return { ...slice, events: [], distinct: { present: 0n, isExact: true } }
}

function rangesOf(
  { days, quarterHours }: Pick<UsageRanges, 'days' | 'quarterHours'>,
  position: number,
): BucketRangeOf[] {
  return [
    ...(days.from < days.to ? [{ position, piece: WHOLE, level: DAY, ...days }] : []),
    ...quarterHours.map((range) => ({ position, piece: WHOLE, level: QUARTER_HOUR, ...range })),
  ]
}

function bucketAround({ position, startMicros }: RawRange, index: number): BucketRangeOf {
  const from = bucketOf(QUARTER_HOUR, startMicros)
  return { position, piece: EDGE + index, level: QUARTER_HOUR, from, to: from + 1 }
}

// Whatever was last seen there may also have been used before.
function rangesAfter({ distinctUntil }: UsageQuestion, position: number): BucketRangeOf[] {
  if (distinctUntil === undefined) return []
  const quarter = bucketOf(QUARTER_HOUR, microsOfInstant(distinctUntil))
  const day = Math.ceil(quarter / QUARTERS_PER_DAY)
  const after = { position, piece: AFTER }
  return [
    { ...after, level: QUARTER_HOUR, from: quarter, to: day * QUARTERS_PER_DAY },
    { ...after, level: DAY, from: day, to: LAST_DAY },
  ]
}

// No event is later.
const LAST_DAY = 2 ** 31 - 1

/** What lies in the range; what comes after it, of which only matters whether there is anything; the first of its edges. */
const WHOLE = 0
const AFTER = 1
const EDGE = 2

interface BucketRangeOf {
  readonly position: number
  readonly piece: number
  readonly level: Level
  readonly from: number
  readonly to: number
}

interface RollupRow {
  readonly position: number
  readonly dimensions: Record<string, string>
  readonly eventsCount: string
  readonly valueSum: string
  readonly valueMax: string | null
  readonly valueMin: string | null
  readonly valueTimeSum: string | null
  readonly latestAt: Temporal.Instant | null
  readonly latestArrival: string | null
  readonly latestValue: string | null
  readonly piece: number
  readonly distinctValues: string | null
  readonly distinctPresent: string | null
  readonly isExact: boolean
}

async function readRollups(
  transaction: OrganizationTransaction,
  organizationId: number,
  questions: readonly UsageQuestion[],
  ranges: readonly BucketRangeOf[],
): Promise<{ readonly piece: number; readonly slice: UsageSlice }[]> {
  if (ranges.length === 0) return []
  const asked = ranges.map(({ position }) => {
    const question = questions[position]
    assert(question !== undefined, 'a range belongs to no question')
    return question
  })
  const rows = await runPrepared<RollupRow>(transaction, ROLLUPS, [
    organizationId,
    plainArray(ranges.map((range) => range.position)),
    plainArray(ranges.map((range) => range.piece)),
    plainArray(asked.map((question) => question.customerId)),
    plainArray(asked.map((question) => question.metric.id)),
    plainArray(asked.map((question) => question.metric.generation)),
    asked.map((question) => question.externalSubscriptionId),
    plainArray(ranges.map((range) => range.level)),
    plainArray(ranges.map((range) => range.from)),
    plainArray(ranges.map((range) => range.to)),
  ])
  return rows.flatMap((row) => sliceOfRow(row, questions[row.position]).map((slice) => ({ piece: row.piece, slice })))
}

const ROLLUPS = prepared(
  `select asked.position, asked.piece, series.dimensions, sum(rollup.events_count)::text as events_count,
    sum(rollup.value_sum)::text as value_sum, max(rollup.value_max)::text as value_max,
    min(rollup.value_min)::text as value_min, sum(rollup.value_time_sum)::text as value_time_sum,
    max(rollup.latest_at) as latest_at,
    (array_agg(rollup.latest_arrival order by rollup.latest_at desc, rollup.latest_arrival desc)
      filter (where rollup.latest_at is not null))[1]::text as latest_arrival,
    (array_agg(rollup.latest_value order by rollup.latest_at desc, rollup.latest_arrival desc)
      filter (where rollup.latest_at is not null))[1]::text as latest_value,
    sum(rollup.distinct_values)::text as distinct_values, sum(rollup.distinct_present)::text as distinct_present,
    bool_and(series.distinct_exact) as is_exact
  from unnest($2::integer[], $3::integer[], $4::integer[], $5::uuid[], $6::integer[], $7::text[], $8::smallint[],
      $9::integer[], $10::integer[])
    as asked (position, piece, customer_id, metric_id, generation, external_subscription_id, level, first_bucket, end_bucket)
  join usage_series series on series.customer_id = asked.customer_id
    and series.billable_metric_id = asked.metric_id and series.generation = asked.generation
    and series.external_subscription_id is not distinct from asked.external_subscription_id
  cross join lateral (
    select * from usage_rollups
    where customer_id = series.customer_id and series_id = series.series_id and organization_id = $1
      and level = asked.level and bucket >= asked.first_bucket and bucket < asked.end_bucket
    -- Looked up by the whole key: otherwise the planner reads all buckets that a series ever had.
    offset 0) rollup
  where series.organization_id = $1
  group by asked.position, asked.piece, series.dimensions`,
)

function sliceOfRow(row: RollupRow, question: UsageQuestion | undefined): UsageSlice[] {
  const { position, dimensions, piece, distinctValues, distinctPresent, isExact } = row
  if (piece === AFTER) {
    if (BigInt(distinctValues ?? 0) === 0n) return []
    return [{ position, dimensions, part: NO_USAGE, events: [], distinct: { present: 0n, isExact: false } }]
  }
  const slice = { position, dimensions, part: partOfRow(row), events: [] }
  if (question?.source !== 'distinct') return [slice]
  return [{ ...slice, distinct: { present: BigInt(distinctPresent ?? 0), isExact } }]
}

function partOfRow(row: RollupRow): UsagePart {
  const { latestAt, latestArrival, latestValue } = row
  return {
    eventsCount: BigInt(row.eventsCount),
    sum: decimal(row.valueSum),
    max: nullable(row.valueMax),
    min: nullable(row.valueMin),
    timeSum: nullable(row.valueTimeSum),
    latest:
      latestAt === null || latestArrival === null || latestValue === null
        ? null
        : { value: decimal(latestValue), atMicros: microsOfInstant(latestAt), arrival: BigInt(latestArrival) },
  }
}

function nullable(text: string | null): Exact | null {
  return text === null ? null : decimal(text)
}
