import { billingPeriodAt } from '../calendar/billing-period.ts'
import type { Interval } from '../calendar/interval.ts'
import type { ComponentUsage, RateComponent, UsageComponent } from '../invoicing/components.ts'
import { type InvoiceTotals, invoiceTotals } from '../invoicing/invoice-totals.ts'
import { rateSubscription } from '../invoicing/rate-subscription.ts'
import type { RatedLine } from '../invoicing/rated-line.ts'
import { type Exact, ZERO } from '../money/decimal.ts'

export interface PlanSimulation {
  readonly currency: string
  readonly interval: Interval
  readonly timeZone: string
  /** The whole calendar period around this instant is priced. */
  readonly now: Temporal.Instant
  readonly components: readonly (RateComponent | UsageComponent)[]
  /** By component id or metric code; a component's own id counts before its metric's code. */
  readonly units: ReadonlyMap<string, Exact>
}

// Before every period that is asked about, so that the period is a whole one.
const LONG_AGO = Temporal.Instant.from('1990-01-01T00:00:00Z')

/** What a whole period of a plan costs. An advance fee is part of it, as it is of what a period costs a customer. */
export function simulatePlan(simulation: PlanSimulation): {
  readonly lines: readonly RatedLine[]
  readonly totals: InvoiceTotals
} {
  const { currency, interval, timeZone, now, components, units } = simulation
  const period = billingPeriodAt({ startedAt: LONG_AGO, interval, billingTime: 'calendar', timeZone, at: now })
  const usage = new Map(components.map((component) => [component.id, usageOf(component, units)]))
  const lines = rateSubscription({ currency, period, advancePeriod: period, components, usage })
  return { lines, totals: invoiceTotals(currency, lines) }
}

function usageOf(component: RateComponent | UsageComponent, units: ReadonlyMap<string, Exact>): ComponentUsage {
  const metricCode = component.kind === 'usage' ? component.metric.code : ''
  return { units: units.get(component.id) ?? units.get(metricCode) ?? ZERO, eventsCount: 0n }
}
