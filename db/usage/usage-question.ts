import type { CountedValue } from '../../shared/metering/aggregation.ts'
import type { CountedMetric } from '../../shared/metering/count-event.ts'
import type { MeasuredMetric } from '../../shared/metering/measure-usage.ts'
import type { UsagePart } from '../../shared/metering/usage-part.ts'

/** What reading usage needs to know of a billable metric. */
export interface UsageMetric extends CountedMetric, MeasuredMetric {
  readonly recurring: boolean
}

/** One question: what a metric read for a customer in a half-open range of time. */
export interface UsageQuestion {
  readonly customerId: number
  readonly metric: UsageMetric
  /** Usage of events that name this subscription; null: of those that name none. */
  readonly externalSubscriptionId: string | null
  readonly start: Temporal.Instant
  readonly end: Temporal.Instant
  /**
   * Whether the events themselves are asked for, or what the rollups know of them; of a distinct count that is the number
   * of values that were last seen in the range.
   */
  readonly source: 'rollups' | 'events' | 'distinct'
  /** From when on no event may be there, so that a value that was used in the range was last seen in it; for `distinct`. */
  readonly distinctUntil?: Temporal.Instant | undefined
}

/** The values that were last seen in some piece of time. */
export interface DistinctCount {
  /** Those that their last event did not take away. */
  readonly present: bigint
  /** False where that is not the number of values used in it: they were seen again later, or an event was corrected. */
  readonly isExact: boolean
}

/** What was found for one question and one combination of dimension values. */
export interface UsageSlice {
  /** The place of the question. */
  readonly position: number
  readonly dimensions: Readonly<Record<string, string>>
  readonly part: UsagePart
  /** In order of time, then arrival; empty unless they were asked for. */
  readonly events: readonly CountedValue[]
  /** Given where distinct values were asked for. */
  readonly distinct?: DistinctCount
}
