import type { Interval } from '../calendar/interval.ts'
import { AppError, type Issue, validationError } from '../errors.ts'
import { isCurrency } from '../money/currency.ts'
import { type ChargeModel, isPricedModel, parseCharge } from '../pricing/charge-models.ts'
import type { ComponentDefinition, PlanDefinition } from './plan-definition.ts'

/** A plan as it is asked for; the shape of every field is checked already, what the fields mean is not. */
export interface PlanRequest {
  readonly code: string
  readonly name: string
  readonly description: string | null
  readonly interval: Interval
  readonly amountMinor: bigint
  readonly currency: string
  readonly trialPeriodDays: number
  readonly payInAdvance: boolean
  readonly charges: readonly ChargeRequest[]
}

export interface ChargeRequest {
  readonly billableMetricId: string
  readonly chargeModel: ChargeModel
  readonly properties: unknown
  readonly filterIds: readonly string[]
  readonly displayName: string | null
}

/**
 * The components of a plan: one fixed fee, also when it is zero, then one usage component per charge. Throws
 * `validation_error` naming every fault, or `invalid_reference` for a metric or filter that does not exist.
 * `metricNames` holds the name of every metric that exists, by id.
 */
export function definePlan(request: PlanRequest, metricNames: ReadonlyMap<string, string>): PlanDefinition {
  const issues: Issue[] = currencyIssues(request.currency)
  const usage = request.charges.map((charge, index) => usageComponent(charge, ['body', 'charges', index], issues))
  if (issues.length > 0) throw validationError(issues)
  requireReferences(request.charges, metricNames)
  return {
    code: request.code,
    name: request.name,
    description: request.description,
    interval: request.interval,
    currency: request.currency,
    trialPeriodDays: request.trialPeriodDays,
    components: [
      rateComponent(request),
      ...usage.map((component) => ({
        ...component,
        name: component.name || (metricNames.get(component.billableMetricId ?? '') ?? ''),
      })),
    ],
  }
}

function currencyIssues(currency: string): Issue[] {
  if (isCurrency(currency)) return []
  return [
    { loc: ['body', 'currency'], msg: 'must be an ISO 4217 code in capital letters, such as USD', type: 'currency' },
  ]
}

function rateComponent({ name, amountMinor, payInAdvance }: PlanRequest): ComponentDefinition {
  return {
    kind: 'rate',
    name,
    timing: payInAdvance ? 'advance' : 'arrears',
    billableMetricId: null,
    price: { chargeModel: null, amountMinor, properties: {} },
  }
}

// An empty name stands for the metric's own, which is known once the references are.
function usageComponent(
  { billableMetricId, chargeModel, properties, displayName }: ChargeRequest,
  loc: Issue['loc'],
  issues: Issue[],
): ComponentDefinition {
  return {
    kind: 'usage',
    name: displayName ?? '',
    timing: 'arrears',
    billableMetricId: billableMetricId.toLowerCase(),
    price: { chargeModel, amountMinor: null, properties: checkedProperties(chargeModel, properties, loc, issues) },
  }
}

// They are kept as they were written, and read again by the same rule whenever they price something.
function checkedProperties(
  model: ChargeModel,
  properties: unknown,
  loc: Issue['loc'],
  issues: Issue[],
): Readonly<Record<string, unknown>> {
  if (!isPricedModel(model)) {
    const msg = `the charge model "${model}" is not yet available; use standard, graduated, volume or package`
    issues.push({ loc: [...loc, 'charge_model'], msg, type: 'charge_model_not_yet' })
    return {}
  }
  const parsed = parseCharge(model, properties, [...loc, 'properties'])
  if ('charge' in parsed) return properties as Record<string, unknown>
  issues.push(...parsed.issues)
  return {}
}

function requireReferences(charges: readonly ChargeRequest[], metricNames: ReadonlyMap<string, string>): void {
  for (const { billableMetricId, filterIds } of charges) {
    if (!metricNames.has(billableMetricId.toLowerCase())) {
      throw new AppError('invalid_reference', `no billable metric has the id ${billableMetricId}`)
    }
    const [filterId] = filterIds
    if (filterId !== undefined) {
      throw new AppError('invalid_reference', `no filter of a billable metric has the id ${filterId}`)
    }
  }
}
