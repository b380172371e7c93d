import type { BillingPeriod } from '../calendar/billing-period.ts'
import { priceUsage } from '../pricing/price-usage.ts'
import type { ComponentUsage, UsageComponent } from './components.ts'
import { describePortion } from './portions.ts'
import type { RatedLine } from './rated-line.ts'
import { ratedLine } from './rated-line.ts'

/** The line of what a metric counted in one portion; units below zero are shown and priced as none. */
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
  const { filterId, groupedBy, eventsCount } = usage
  const { charge } = component.filters?.find(({ id }) => id === filterId) ?? component
  const { modifiers = {} } = component
  const { units, unitAmount, amount, steps, adjustments } = priceUsage(charge, modifiers, usage, currency)
  return ratedLine(
    {
      kind: 'usage',
      componentId: component.id,
      description: describePortion(component, usage),
      ...(filterId === null && Object.keys(groupedBy).length === 0 ? {} : { portion: { filterId, groupedBy } }),
      metricCode: component.metric.code,
      units,
      eventsCount,
      unitAmount,
      amount,
      currency,
      steps,
      ...(adjustments.length === 0 ? {} : { adjustments }),
    },
    period,
  )
}
