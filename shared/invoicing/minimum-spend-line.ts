import type { BillingPeriod } from '../calendar/billing-period.ts'
import { decimal } from '../money/decimal.ts'
import { fromMinor } from '../money/round.ts'
import { belowMinimum } from '../pricing/minimum-spend.ts'
import type { UsageComponent } from './components.ts'
import type { RatedLine } from './rated-line.ts'
import { prorationOf, ratedLine } from './rated-line.ts'

/**
 * What a charge lacks to its minimum in a period, prorated by days; none where it lacks nothing. All lines of the charge
 * count towards it, as they were rounded: so they and this line come to the rounded minimum.
 */
export function minimumSpendLines({
  component,
  lines,
  period,
  currency,
}: {
  component: UsageComponent
  lines: readonly RatedLine[]
  period: BillingPeriod
  currency: string
}): RatedLine[] {
  const minimumMinor = component.modifiers?.minAmountMinor
  if (minimumMinor === undefined) return []
  const chargedMinor = lines.reduce((sum, line) => sum + line.amountMinor, 0n)
  const minimum = fromMinor(minimumMinor, currency)
  const amount = belowMinimum({ ...period, minimum, charged: fromMinor(chargedMinor, currency) })
  const line = ratedLine(
    {
      kind: 'minimum_spend',
      componentId: component.id,
      description: describeMinimum(component),
      metricCode: component.metric.code,
      units: decimal('1'),
      eventsCount: 0n,
      unitAmount: minimum,
      amount,
      currency,
      steps: [],
      ...prorationOf(period),
    },
    period,
  )
  return line.amountMinor === 0n ? [] : [line]
}

/** What the line of a minimum is called. */
export function describeMinimum({ displayName }: UsageComponent): string {
  return `${displayName}: up to the minimum`
}
