import type Type from 'typebox'
import { type CadenceUnit, type Interval, intervalOf, type NamedInterval } from '../../shared/calendar/interval.ts'
import { MODIFIER_NAMES } from '../../shared/plans/charge-modifiers.ts'
import type { ChargeFilterRequest, ChargeRequest, PlanRequest, PlanTerms } from '../../shared/plans/plan-request.ts'
import type { ChargeInput, PlanCreate, PlanVersionCreate } from './plan.ts'

type TermsBody = Type.Static<typeof PlanVersionCreate>
type ChargeBody = Type.Static<typeof ChargeInput>

const DEFAULTS = {
  amountMinor: 0n,
  currency: 'USD',
  trialPeriodDays: 0,
  trialKind: 'free',
  trialUsage: 'billed',
  payInAdvance: false,
  charges: [],
} as const

/** A plan that is to be created. */
export function planRequestOf(body: Type.Static<typeof PlanCreate>): PlanRequest {
  const { code, name, interval } = body
  return {
    code,
    name,
    description: body.description ?? null,
    lateUsage: body.late_usage ?? null,
    ...changedTerms({ ...DEFAULTS, interval, intervalName: interval }, body),
  }
}

/** Terms with the fields of a body in place of their own; what the body leaves out stays. */
export function changedTerms(terms: PlanTerms, body: TermsBody): PlanTerms {
  const { interval, intervalName } = changedInterval(terms, body)
  return {
    interval,
    intervalName,
    amountMinor: body.amount_cents === undefined ? terms.amountMinor : BigInt(body.amount_cents),
    currency: body.currency ?? terms.currency,
    trialPeriodDays: body.trial_period_days ?? terms.trialPeriodDays,
    trialKind: body.trial_kind ?? terms.trialKind,
    trialUsage: body.trial_usage ?? terms.trialUsage,
    payInAdvance: body.pay_in_advance ?? terms.payInAdvance,
    charges: body.charges?.map(chargeRequestOf) ?? terms.charges,
  }
}

// A name alone also ends a length that was given before.
function changedInterval(
  terms: PlanTerms,
  { interval, interval_count: count, interval_unit: unit }: TermsBody,
): { interval: Interval; intervalName: NamedInterval } {
  if (interval === undefined && count === undefined && unit === undefined) return terms
  const intervalName = interval ?? terms.intervalName
  const length = { count: count ?? null, unit: unit == null ? null : (`${unit}s` as CadenceUnit) }
  return { interval: intervalOf(intervalName, length), intervalName }
}

function chargeRequestOf(charge: ChargeBody): ChargeRequest {
  const written = MODIFIER_NAMES.map((name) => [name, charge[name]] as const)
  return {
    billableMetricId: charge.billable_metric_id,
    chargeModel: charge.charge_model,
    properties: charge.properties ?? {},
    filters: (charge.filters ?? []).map(filterRequestOf),
    modifiers: Object.fromEntries(written.filter(([, value]) => value != null)),
    displayName: charge.invoice_display_name ?? null,
  }
}

function filterRequestOf(filter: NonNullable<ChargeBody['filters']>[number]): ChargeFilterRequest {
  return {
    conditions: [filter, ...(filter.and ?? [])].map(({ billable_metric_filter_id: filterId, values }) => ({
      filterId,
      values: values ?? [],
    })),
    properties: filter.properties ?? {},
    displayName: filter.invoice_display_name ?? null,
  }
}
