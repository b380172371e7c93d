import type { Exact } from '../money/decimal.ts'
import type { UsagePart } from './usage-part.ts'

/** What one event adds to a metric: a value, as decimal text or, for distinct counts, the item; or why it cannot. */
export type Contribution = { readonly value: string } | Unusable

/** Why a metric cannot use an event. */
export interface Unusable {
  readonly reason: 'value_missing' | 'value_not_a_number' | 'expression_failed'
  readonly details: Readonly<Record<string, unknown>>
}

/** Parts of a rollup beside count and sum. */
export type StoredPart = 'max' | 'min' | 'timeSum' | 'latest'

/** The time that units are asked for, half-open, and the whole billing period it belongs to; in microseconds. */
export interface UsageWindow {
  readonly startMicros: number
  readonly endMicros: number
  readonly periodMicros: number
}

/** An event as a metric reads it. */
export interface CountedValue {
  readonly value: string
  readonly timestampMicros: number
  /** The price that came with the event, in minor units; null when none did. */
  readonly amountMinor: Exact | null
  readonly properties: Readonly<Record<string, unknown>>
}

/** What a metric says beside its aggregation. */
export interface AggregationOptions {
  /** From 0 to 100; for `percentile`. */
  readonly percentile: Exact | null
  /** For `custom`. */
  readonly expression: string | null
}

interface AnyAggregation {
  /**
   * What is read of an event: nothing; a value, from a field of the properties or from an expression over the event; or
   * what an expression over all events of the period asks for.
   */
  readonly reads: 'nothing' | 'value' | 'events'
  /** Whether usage may be carried over from period to period. */
  readonly mayRecur: boolean
  /** Whether units grow with time: twice as many events are about twice as many units. */
  readonly accumulates: boolean
  /** What an event adds by the value that was read of it; `field` is where the value stood. */
  contribution(value: unknown, field: string): Contribution
}

/** Units follow from sums that merge in any order, so a period of any size is read from few rows. */
export interface RollupAggregation extends AnyAggregation {
  readonly source: 'rollups'
  /** What a rollup keeps for it beside count and sum. */
  readonly stores: readonly StoredPart[]
  units(part: UsagePart, window: UsageWindow): Exact
}

/** Units follow from the events themselves: reading costs as much as the period has events. */
export interface EventAggregation extends AnyAggregation {
  readonly source: 'events'
  /** `events` are in order of time, then arrival. */
  units(events: readonly CountedValue[], options: AggregationOptions): Exact
}

/** How a billable metric turns events into units. */
export type Aggregation = RollupAggregation | EventAggregation
