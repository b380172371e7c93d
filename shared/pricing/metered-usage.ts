import type { Exact } from '../money/decimal.ts'

/** What was used in a period, as far as a price may depend on it. */
export interface MeteredUsage {
  readonly units: Exact
  /** The units held, where `units` weighs them by time; the units themselves when absent. */
  readonly fullUnits?: Exact
  readonly eventsCount?: bigint
  /** In order of time, then of arrival. Only for charges of which `neededUsage` says so: the others never look. */
  readonly events?: readonly MeteredEvent[]
  /** How the units came and went, where they are weighed by time: `proratedUsage` makes both. */
  readonly stack?: UnitStack
  /**
   * The usage of every window of the period, in order of time, where windows are priced by themselves: also of those
   * without usage, because a commitment holds for them too.
   */
  readonly windows?: readonly MeteredUsage[]
  /** How many windows without usage are left out of `windows`; none when absent. */
  readonly unusedWindows?: number
  /** The usage of each pair of values, where a price is a matrix. */
  readonly cells?: readonly MatrixCell[]
}

/** One event as its metric counts it. */
export interface MeteredEvent {
  /** What it adds to the units; below zero where it takes some back. */
  readonly value: Exact
  /** The price that was sent with it, in minor units, fractions included. */
  readonly amountMinor?: Exact
  readonly properties?: Readonly<Record<string, unknown>>
}

/** Units that came, or below zero went, at once; and for how many days of the period that holds. */
export interface Lot {
  readonly units: Exact
  /** Days from its own to the end of the period; all of them for what was carried over. */
  readonly heldDays: Exact
}

/** The units of a recurring metric as they came and went in a period, in order of time. */
export interface UnitStack {
  readonly lots: readonly Lot[]
  readonly periodDays: Exact
}

/** The usage of one pair of values; null is an event without the property. */
export interface MatrixCell {
  readonly values: readonly [string | null, string | null]
  readonly units: Exact
}
