import type { BillingPeriod } from '../calendar/billing-period.ts'
import { assert } from '../errors.ts'
import type { Exact } from '../money/decimal.ts'
import { roundHalfAwayFromZero } from '../money/round.ts'
import type { Adjustment } from '../pricing/price-usage.ts'
import type { PricingStep } from '../pricing/pricing.ts'
import type { PortionName } from './components.ts'

/**
 * A fixed fee, what was used, or what a charge lacks to its minimum; and of a period that was billed before, what its
 * usage costs more by now, or less.
 */
export const LINE_KINDS = ['plan_fee', 'usage', 'minimum_spend', 'late_usage', 'usage_credit'] as const

export type LineKind = (typeof LINE_KINDS)[number]

/** The kinds of lines that usage changes, and that late lines therefore add to. */
export type CorrectedKind = 'usage' | 'minimum_spend'

/** One line of an invoice or of current usage, with all that explains its amount. */
export interface RatedLine {
  readonly kind: LineKind
  readonly componentId: string
  readonly description: string
  /** Which part of the usage it prices, where a charge has filters or groups. */
  readonly portion?: PortionName
  readonly metricCode: string | null
  readonly units: Exact
  readonly eventsCount: bigint
  /** Major units, for display: a plan fee before proration, a usage amount divided by its units. */
  readonly unitAmount: Exact
  /** Major units, exact, before the one rounding. */
  readonly amount: Exact
  /**
   * The amount in minor units of the currency, rounded half away from zero. Of a late line it is the rounded price of the
   * period minus what was billed of it.
   */
  readonly amountMinor: bigint
  readonly currency: string
  readonly periodStart: Temporal.Instant
  readonly periodEnd: Temporal.Instant
  /** How usage became the amount; none on a plan fee. */
  readonly steps: readonly PricingStep[]
  /** What modifiers of the charge added to the steps or took off; absent where there was none. */
  readonly adjustments?: readonly Adjustment[]
  /** Present when a fee is due for a part of its period only. */
  readonly proration?: Proration
  /** Present on late lines. */
  readonly corrects?: Corrected
}

/** What a late line adds to, or takes off. */
export interface Corrected {
  /** The invoice of the period. */
  readonly invoiceId: string
  /** Which of its lines. */
  readonly kind: CorrectedKind
  /**
   * What was billed of that before, less what was given back, by the document; in minor units, below zero on one that only
   * credits.
   */
  readonly billedMinor: ReadonlyMap<string, bigint>
}

export interface Proration {
  readonly billedDays: number
  readonly periodDays: number
}

/** A line with its period and its rounded amount: the only rounding there is (law 7). */
export function ratedLine(
  line: Omit<RatedLine, 'amountMinor' | 'periodStart' | 'periodEnd'>,
  period: BillingPeriod,
): RatedLine {
  const amountMinor = roundHalfAwayFromZero(line.amount, line.currency)
  // What is owed to the customer is a line kind of its own, never a price below zero.
  assert(amountMinor >= 0n, `a ${line.kind} line was rated below zero`)
  return { ...line, amountMinor, periodStart: period.start, periodEnd: period.end }
}

/** The proration of a line for a period, where only a part of it is billed; to be spread into the line. */
export function prorationOf({ billedDays, periodDays }: BillingPeriod): { readonly proration?: Proration } {
  return billedDays === periodDays ? {} : { proration: { billedDays, periodDays } }
}
