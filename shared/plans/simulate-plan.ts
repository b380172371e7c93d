import { billingPeriodAt } from '../calendar/billing-period.ts'
import type { Interval } from '../calendar/interval.ts'
import type { RateComponent, UsageComponent } from '../invoicing/components.ts'
import { type InvoiceTotals, invoiceTotals } from '../invoicing/invoice-totals.ts'
import { rateSubscription } from '../invoicing/rate-subscription.ts'
import type { RatedLine } from '../invoicing/rated-line.ts'
import { type SimulatedQuantities, simulatedUsage } from './simulated-usage.ts'

export interface PlanSimulation extends SimulatedQuantities {
  readonly currency: string
  readonly interval: Interval
  /** The whole calendar period around this instant is priced. */
  readonly now: Temporal.Instant
  readonly components: readonly (RateComponent | UsageComponent)[]
}

// Before every period that is asked about, so that the period is a whole one.
const LONG_AGO = Temporal.Instant.from('1990-01-01T00:00:00Z')

/** What a whole period of a plan costs. An advance fee is part of it, as it is of what a period costs a customer. */
export function simulatePlan(simulation: PlanSimulation): {
  readonly lines: readonly RatedLine[]
  readonly totals: InvoiceTotals
} {
  const { currency, interval, timeZone, now, components } = simulation
  const period = billingPeriodAt({ startedAt: LONG_AGO, interval, billingTime: 'calendar', timeZone, at: now })
  const usage = new Map(
    components.flatMap((component) =>
      component.kind === 'usage' ? [[component.id, simulatedUsage(component, simulation, period)] as const] : [],
    ),
  )
  const lines = rateSubscription({ currency, period, advancePeriod: period, components, usage })
  return { lines, totals: invoiceTotals(currency, lines) }
}
