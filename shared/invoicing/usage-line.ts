import type { BillingPeriod } from '../calendar/billing-period.ts'
import { priceUsage } from '../pricing/price-usage.ts'
import type { ComponentUsage, UsageComponent } from './components.ts'
import type { RatedLine } from './rated-line.ts'
import { ratedLine } from './rated-line.ts'

/** The line of what a metric counted; units below zero are shown and priced as none. */
export function usageLine({
  component,
  usage,
  period,
  currency,
}: {
  component: UsageComponent
  usage: ComponentUsage
  period: BillingPeriod
  currency: string
}): RatedLine {
  const { charge, modifiers = {} } = component
  const { units, unitAmount, amount, steps, adjustments } = priceUsage(charge, modifiers, usage, currency)
  return ratedLine(
    {
      kind: 'usage',
      componentId: component.id,
      description: component.displayName,
      metricCode: component.metric.code,
      units,
      eventsCount: usage.eventsCount,
      unitAmount,
      amount,
      currency,
      steps,
      ...(adjustments.length === 0 ? {} : { adjustments }),
    },
    period,
  )
}
