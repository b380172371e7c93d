import { isNamed, type NamedInterval } from '../../shared/calendar/interval.ts'
import type { ChargeRequest, PlanTerms } from '../../shared/plans/plan-request.ts'
import type { ChargeModel } from '../../shared/pricing/charge-models.ts'
import type { ChargeFilter } from './charge-filters.ts'
import type { PlanVersion } from './plan-versions.ts'
import type { PriceComponent } from './price-components.ts'

/** The request that a version comes from, so that a change can start from it. */
export function termsOf(version: PlanVersion): PlanTerms {
  const fee = version.components.find((component) => component.kind === 'rate')
  return {
    interval: version.interval,
    intervalName: intervalNameOf(version),
    amountMinor: BigInt(fee?.amountMinor ?? 0),
    currency: version.currency,
    trialPeriodDays: version.trialPeriodDays,
    trialKind: version.trialKind,
    trialUsage: version.trialUsage,
    payInAdvance: fee?.timing === 'advance',
    charges: version.components.flatMap(storedCharge),
  }
}

/** The page's word for how often a version bills. */
export function intervalNameOf({
  interval,
  intervalName,
}: Pick<PlanVersion, 'interval' | 'intervalName'>): NamedInterval {
  return intervalName ?? (isNamed(interval) ? interval : 'monthly')
}

/** Whether two terms say the same, digit by digit. */
export function areSameTerms(one: PlanTerms, other: PlanTerms): boolean {
  return textOf(one) === textOf(other)
}

function textOf(terms: PlanTerms): string {
  return JSON.stringify({ ...terms, amountMinor: terms.amountMinor.toString() })
}

function storedCharge(component: PriceComponent): ChargeRequest[] {
  const { billableMetricId, chargeModel, properties, modifiers, filters, displayName } = component
  if (billableMetricId === null) return []
  return [
    {
      billableMetricId,
      chargeModel: chargeModel as ChargeModel,
      properties,
      filters: filters.map(storedFilter),
      modifiers,
      displayName,
    },
  ]
}

function storedFilter({ conditions, properties, displayName }: ChargeFilter): ChargeRequest['filters'][number] {
  return {
    conditions: conditions.map(({ billableMetricFilterId, writtenValues }) => ({
      filterId: billableMetricFilterId,
      values: writtenValues,
    })),
    properties,
    displayName,
  }
}
