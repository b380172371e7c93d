import type { ChargeFilter } from '../../db/catalogue/charge-filters.ts'
import { intervalNameOf } from '../../db/catalogue/plan-terms.ts'
import type { PlanVersion } from '../../db/catalogue/plan-versions.ts'
import type { Plan } from '../../db/catalogue/plans.ts'
import type { PriceComponent } from '../../db/catalogue/price-components.ts'
import { cadenceOf, isNamed } from '../../shared/calendar/interval.ts'
import { jsonInteger } from './common.ts'

/** A plan as it is answered. Its fields are a view: the fixed fee is one component, each charge another. */
export function planView(plan: Plan) {
  return {
    id: plan.id,
    code: plan.code,
    name: plan.name,
    description: plan.description,
    late_usage: plan.lateUsage,
    version: plan.version,
    ...termsView(plan.id, plan),
    archived_at: plan.archivedAt?.toString() ?? null,
    created_at: plan.createdAt.toString(),
    updated_at: plan.updatedAt.toString(),
  }
}

/** A version of a plan as it is answered. */
export function versionView({ id, code }: Pick<Plan, 'id' | 'code'>, version: PlanVersion) {
  return {
    id: version.versionId,
    plan_id: id,
    plan_code: code,
    version: version.version,
    status: version.publishedAt === null ? ('draft' as const) : ('published' as const),
    ...termsView(id, version),
    published_at: version.publishedAt?.toString() ?? null,
    created_at: version.versionCreatedAt.toString(),
  }
}

function termsView(planId: string, version: PlanVersion) {
  const fee = version.components.find((component) => component.kind === 'rate')
  return {
    interval: intervalNameOf(version),
    ...lengthView(version),
    amount_cents: jsonInteger(fee?.amountMinor ?? '0'),
    currency: version.currency,
    trial_period_days: version.trialPeriodDays,
    trial_kind: version.trialKind,
    trial_usage: version.trialUsage,
    pay_in_advance: fee?.timing === 'advance',
    charges: version.components.flatMap((component) => chargeView(planId, component)),
  }
}

function lengthView({ interval }: PlanVersion) {
  if (isNamed(interval)) return { interval_count: null, interval_unit: null }
  const { count, unit } = cadenceOf(interval)
  return { interval_count: count, interval_unit: unit.slice(0, -1) as 'day' | 'week' | 'month' | 'year' }
}

function chargeView(planId: string, component: PriceComponent) {
  if (component.billableMetricId === null) return []
  return [
    {
      id: component.id,
      plan_id: planId,
      billable_metric_id: component.billableMetricId,
      charge_model: component.chargeModel as 'standard',
      properties: component.properties,
      filters: component.filters.map(filterView),
      invoice_display_name: component.displayName,
      ...component.modifiers,
      created_at: component.createdAt.toString(),
      updated_at: component.updatedAt.toString(),
    },
  ]
}

function filterView({ id, conditions, properties, displayName }: ChargeFilter) {
  const [first, ...others] = conditions.map(({ billableMetricFilterId, writtenValues }) => ({
    billable_metric_filter_id: billableMetricFilterId,
    values: [...writtenValues],
  }))
  return {
    id,
    billable_metric_filter_id: first?.billable_metric_filter_id ?? '',
    values: first?.values ?? [],
    properties,
    invoice_display_name: displayName,
    and: others,
  }
}
