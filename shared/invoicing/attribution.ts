import type { InstantRange } from '../calendar/instant-range.ts'
import { earlierInstant, laterInstant } from '../calendar/instant-range.ts'

/** What decides which subscription of a customer pays for an event that names none. */
export interface AttributableSubscription {
  readonly id: string
  readonly startedAt: Temporal.Instant
  /** Null while no end is set; an end is exclusive. */
  readonly endedAt: Temporal.Instant | null
  /** Takes only events that name it. */
  readonly ownEventsOnly: boolean
  readonly chargedMetricIds: ReadonlySet<string>
}

/**
 * The parts of a period in which events that name only the customer are billed on the given subscription: at every
 * instant that is the earliest-started live one that charges the metric and takes such events; equal starts are ordered
 * by id. Over all subscriptions of the customer the parts never overlap. There is one part at most, because whoever
 * precedes was live at this one's start, if ever during its life, and then lived on without a pause.
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
  const candidates = subscriptions
    .filter((subscription) => !subscription.ownEventsOnly && subscription.chargedMetricIds.has(metricId))
    .sort(byPrecedence)
  const rank = candidates.findIndex(({ id }) => id === subscriptionId)
  const own = candidates[rank]
  if (own === undefined) return []
  const end = endWithin(own, period)
  const start = candidates
    .slice(0, rank)
    .reduce(
      (latest, earlier) => laterInstant(latest, endWithin(earlier, period)),
      laterInstant(own.startedAt, period.start),
    )
  return Temporal.Instant.compare(start, end) < 0 ? [{ start, end }] : []
}

function byPrecedence(one: AttributableSubscription, other: AttributableSubscription): number {
  return Temporal.Instant.compare(one.startedAt, other.startedAt) || (one.id < other.id ? -1 : 1)
}

function endWithin({ endedAt }: AttributableSubscription, period: InstantRange): Temporal.Instant {
  return endedAt === null ? period.end : earlierInstant(endedAt, period.end)
}
