import { billingPeriodAt } from '../calendar/billing-period.ts'
import type { Interval } from '../calendar/interval.ts'
import type { RateComponent, UsageComponent } from '../invoicing/components.ts'
import { type InvoiceTotals, invoiceTotals } from '../invoicing/invoice-totals.ts'
import { rateSubscription } from '../invoicing/rate-subscription.ts'
import type { RatedLine } from '../invoicing/rated-line.ts'
import { type SimulatedQuantities, simulatedSpan, simulatedUsage } from './simulated-usage.ts'

/** A plan, and the time whose period is priced. */
export interface SimulatedPlan {
  readonly currency: string
  readonly interval: Interval
  readonly timeZone: string
  /** The whole calendar period around this instant is priced. */
  readonly now: Temporal.Instant
  readonly components: readonly (RateComponent | UsageComponent)[]
}

export type Simulate = (quantities: SimulatedQuantities) => {
  readonly lines: readonly RatedLine[]
  readonly totals: InvoiceTotals
}

// Before every period that is asked about, so that the period is a whole one.
const LONG_AGO = Temporal.Instant.from('1990-01-01T00:00:00Z')

/**
 * What a whole period of a plan costs, for any number of quantities. An advance fee is part of it, as it is of what a
 * period costs a customer.
 */
export function planSimulator({ currency, interval, timeZone, now, components }: SimulatedPlan): Simulate {
  const period = billingPeriodAt({ startedAt: LONG_AGO, interval, billingTime: 'calendar', timeZone, at: now })
  const charges = components.filter((component) => component.kind === 'usage')
  const span = simulatedSpan(charges, period, timeZone)
  return (quantities) => {
    const usage = new Map(charges.map((charge) => [charge.id, simulatedUsage(charge, quantities, span)]))
    const lines = rateSubscription({ currency, period, advancePeriod: period, components, usage })
    return { lines, totals: invoiceTotals(currency, lines) }
  }
}
