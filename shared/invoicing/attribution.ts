import type { InstantRange } from '../calendar/instant-range.ts'
import { earlierInstant, laterInstant } from '../calendar/instant-range.ts'

/** What decides which subscription of a customer pays for an event that names none. */
export interface AttributableSubscription {
  readonly id: string
  readonly startedAt: Temporal.Instant
  /** Null while no end is set; an end is exclusive. */
  readonly endedAt: Temporal.Instant | null
  /** When it was entered, by the organization's clock; later than its start where that lay in the past. */
  readonly enteredAt: Temporal.Instant
  /** Takes only events that name it. */
  readonly ownEventsOnly: boolean
  readonly chargedMetricIds: ReadonlySet<string>
}

/**
 * The parts of a period in which events that name only the customer are billed on the given subscription: at every
 * instant that is the earliest-started live one that charges the metric and takes foreign events; equal starts are
 * ordered by id. A subscription that is entered with a start in the past never takes over what another one had: for the
 * time before its entry it comes after all that were entered earlier. Over all subscriptions of the customer the parts
 * never overlap. In order of time.
 */
export function attributedRanges({
  subscriptions,
  subscriptionId,
  metricId,
  period,
}: {
  /** Every subscription of the customer that was live in the period, the asked one included. */
  subscriptions: readonly AttributableSubscription[]
  subscriptionId: string
  metricId: string
  period: InstantRange
}): InstantRange[] {
  const candidates = subscriptions.filter(
    ({ ownEventsOnly, chargedMetricIds }) => !ownEventsOnly && chargedMetricIds.has(metricId),
  )
  const own = candidates.find(({ id }) => id === subscriptionId)
  if (own === undefined) return []
  const others = candidates.filter((candidate) => candidate !== own)
  return joined([...rangesBeforeEntry(own, others, period), ...rangesSinceEntry(own, others, period)])
}

function rangesBeforeEntry(
  own: AttributableSubscription,
  others: readonly AttributableSubscription[],
  { start, end }: InstantRange,
): InstantRange[] {
  const window = livePart(own, { start, end: earlierInstant(end, own.enteredAt) })
  return others
    .filter((other) => (Temporal.Instant.compare(other.enteredAt, own.enteredAt) || byPrecedence(other, own)) < 0)
    .reduce((ranges, { startedAt, endedAt }) => subtract(ranges, startedAt, endedAt), window)
}

function rangesSinceEntry(
  own: AttributableSubscription,
  others: readonly AttributableSubscription[],
  { start, end }: InstantRange,
): InstantRange[] {
  const window = livePart(own, { start: laterInstant(start, own.enteredAt), end })
  return others
    .filter((other) => byPrecedence(other, own) < 0)
    .reduce(
      (ranges, { startedAt, enteredAt, endedAt }) => subtract(ranges, laterInstant(startedAt, enteredAt), endedAt),
      window,
    )
}

function byPrecedence(one: AttributableSubscription, other: AttributableSubscription): number {
  return Temporal.Instant.compare(one.startedAt, other.startedAt) || (one.id < other.id ? -1 : 1)
}

function livePart({ startedAt, endedAt }: AttributableSubscription, period: InstantRange): InstantRange[] {
  const end = endedAt === null ? period.end : earlierInstant(endedAt, period.end)
  return nonEmpty([{ start: laterInstant(startedAt, period.start), end }])
}

// An end before its own start or entry takes nothing away.
function subtract(
  ranges: readonly InstantRange[],
  from: Temporal.Instant,
  until: Temporal.Instant | null,
): InstantRange[] {
  if (until !== null && Temporal.Instant.compare(until, from) <= 0) return [...ranges]
  const left = ranges.flatMap(({ start, end }) => [
    { start, end: earlierInstant(end, from) },
    ...(until === null ? [] : [{ start: laterInstant(start, until), end }]),
  ])
  return nonEmpty(left)
}

function nonEmpty(ranges: readonly InstantRange[]): InstantRange[] {
  return ranges.filter(({ start, end }) => Temporal.Instant.compare(start, end) < 0)
}

// The entry is no border to the outside.
function joined(ranges: readonly InstantRange[]): InstantRange[] {
  return ranges.reduce<InstantRange[]>((result, range) => {
    const last = result.at(-1)
    if (last === undefined || !last.end.equals(range.start)) return [...result, range]
    return [...result.slice(0, -1), { start: last.start, end: range.end }]
  }, [])
}
