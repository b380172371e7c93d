import { decimal } from '../money/decimal.ts'
import { fromMinor } from '../money/round.ts'
import type { RateComponent } from './components.ts'
import type { RatedLine } from './rated-line.ts'
import { prorationOf, ratedLine } from './rated-line.ts'
import type { FeePeriod } from './trial-periods.ts'

/** The line of a fixed fee: fee × billed days / days of the whole period, multiplied first and divided once. */
export function planFeeLine({
  component,
  period,
  currency,
}: {
  component: RateComponent
  period: FeePeriod
  currency: string
}): RatedLine {
  const fee = fromMinor(component.amountMinor, currency)
  return ratedLine(
    {
      kind: 'plan_fee',
      componentId: component.id,
      description: descriptionOf(component, period),
      metricCode: null,
      units: decimal('1'),
      eventsCount: 0n,
      unitAmount: fee,
      amount: fee.times(period.billedDays).div(period.periodDays),
      currency,
      steps: [],
      ...prorationOf(period),
    },
    period,
  )
}

function descriptionOf({ displayName }: RateComponent, { trialUntil }: FeePeriod): string {
  return trialUntil === undefined ? displayName : `${displayName} (free trial until ${trialUntil})`
}
