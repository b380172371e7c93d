import type { WindowSize } from '../../../shared/calendar/windows.ts'
import type { CountedValue } from '../../../shared/metering/aggregation.ts'
import type { UsagePart } from '../../../shared/metering/usage-part.ts'
import type { Exact } from '../../../shared/money/decimal.ts'
import type { UsageMetric } from '../usage-question.ts'

/** Asks for the units of one metric by window of time and group. */
export interface UsageReportRequest {
  readonly metric: UsageMetric
  /** Half-open; null: from the first, or up to the last event there is. */
  readonly start: Temporal.Instant | null
  readonly end: Temporal.Instant | null
  /** Null: one window, the whole range. */
  readonly windows: { readonly size: WindowSize; readonly timeZone: string } | null
  readonly grouping: UsageGrouping
  readonly scope: UsageScope
}

/** What rows are told apart by, besides their window. */
export interface UsageGrouping {
  readonly byCustomer: boolean
  readonly bySubscription: boolean
  readonly properties: readonly string[]
}

/** Which usage is looked at. */
export interface UsageScope {
  /** Null: all customers. */
  readonly customerIds: readonly number[] | null
  /** Null: with and without a subscription. */
  readonly externalSubscriptionIds: readonly string[] | null
  /** Every one must hold; a property that is absent or null reads as the empty text. */
  readonly filters: readonly { readonly property: string; readonly values: readonly string[] }[]
}

/** What a report may cost at most; beyond it `usage_report_too_large` is thrown. */
export interface UsageReportLimits {
  readonly rows: number
  readonly windows: number
  /** Events of metrics whose units do not follow from sums. */
  readonly events: number
  readonly statementMs: number
}

/** The units of one group in one window. */
export interface UsageReportRow {
  readonly start: Temporal.Instant
  readonly end: Temporal.Instant
  /** Null unless rows are told apart by it. */
  readonly externalCustomerId: string | null
  /** Null also for usage that no subscription pays for. */
  readonly externalSubscriptionId: string | null
  /** In the order of the properties asked for. */
  readonly groups: readonly string[]
  readonly units: Exact
  readonly eventsCount: bigint
}

/** What one source knows of one group in one window; pieces of equal keys belong together. */
export interface UsagePiece {
  readonly key: UsagePieceKey
  readonly part: UsagePart
  /** In order of time, then arrival; empty unless the units follow from them. */
  readonly events: readonly CountedValue[]
  /** The earliest and the latest event, also of those that could not be counted; null where rollups do not tell. */
  readonly seen: { readonly first: Temporal.Instant; readonly last: Temporal.Instant } | null
}

export interface UsagePieceKey {
  /** The place of the window. */
  readonly window: number
  readonly customerId: number | null
  readonly externalSubscriptionId: string | null
  readonly groups: readonly string[]
}

/** The time of a report laid out: the window of place n begins at border n and ends at the next. */
export interface UsageReportTime extends Pick<UsageReportRequest, 'start' | 'end'> {
  /** Empty where the range is open and there is but one window. */
  readonly borders: readonly Temporal.Instant[]
}
