import { AppError, type Issue, validationError } from '../errors.ts'
import { isCurrency } from '../money/currency.ts'
import { defineChargeFilters, type MetricFilter } from './charge-filters.ts'
import { type ChargedMetric, chargeIssues, groupKeysOf, matrixKeysOf, windowIssues } from './check-charge.ts'
import type { ComponentDefinition, PlanDefinition, VersionDefinition } from './plan-definition.ts'
import type { ChargeRequest, PlanRequest, PlanTerms } from './plan-request.ts'

/** What a plan may refer to of a metric. */
export interface ChargeableMetric extends ChargedMetric {
  readonly name: string
  /** By id. */
  readonly filters: ReadonlyMap<string, MetricFilter>
}

/** Those that exist, by id. */
export type ChargeableMetrics = ReadonlyMap<string, ChargeableMetric>

/** A plan with its first version. Throws as `defineVersion` does. */
export function definePlan(request: PlanRequest, metrics: ChargeableMetrics): PlanDefinition {
  const { code, name, description, lateUsage } = request
  return { code, name, description, lateUsage, ...defineVersion(name, request, metrics) }
}

/**
 * The components of a version: one fixed fee, also when it is zero, then one usage component per charge. Throws
 * `validation_error` naming every fault, or `invalid_reference` for a metric or filter that does not exist.
 */
export function defineVersion(planName: string, terms: PlanTerms, metrics: ChargeableMetrics): VersionDefinition {
  const issues: Issue[] = currencyIssues(terms.currency)
  const usage = terms.charges.map((charge, index) =>
    usageComponent(charge, metrics.get(idOf(charge)), ['body', 'charges', index], issues),
  )
  terms.charges.forEach(({ modifiers }, index) => {
    issues.push(...windowIssues(modifiers, terms.interval, ['body', 'charges', index]))
  })
  if (issues.length > 0) throw validationError(issues)
  for (const charge of terms.charges) requireReferences(charge, metrics)
  return {
    interval: terms.interval,
    intervalName: terms.intervalName,
    currency: terms.currency,
    trialPeriodDays: terms.trialPeriodDays,
    trialKind: terms.trialKind,
    trialUsage: terms.trialUsage,
    components: [rateComponent(planName, terms), ...usage],
    dimensions: dimensionsOf(terms.charges, metrics),
  }
}

function dimensionsOf(
  charges: readonly ChargeRequest[],
  metrics: ChargeableMetrics,
): ReadonlyMap<string, ReadonlySet<string>> {
  const dimensions = new Map<string, Set<string>>()
  for (const charge of charges) {
    const keys = dimensions.getOrInsertComputed(idOf(charge), () => new Set())
    for (const key of keysOf(charge, metrics.get(idOf(charge)))) keys.add(key)
  }
  return dimensions
}

// The properties are those that were checked.
function keysOf({ properties, modifiers, filters }: ChargeRequest, metric: ChargeableMetric | undefined): string[] {
  return [
    ...groupKeysOf(properties),
    ...matrixKeysOf(modifiers),
    ...filters.flatMap((filter) => groupKeysOf(filter.properties)),
    ...filters.flatMap(({ conditions }) =>
      conditions.map(({ filterId }) => metric?.filters.get(filterId.toLowerCase())?.key ?? ''),
    ),
  ]
}

function currencyIssues(currency: string): Issue[] {
  if (isCurrency(currency)) return []
  return [
    { loc: ['body', 'currency'], msg: 'must be an ISO 4217 code in capital letters, such as USD', type: 'currency' },
  ]
}

function rateComponent(name: string, { amountMinor, payInAdvance }: PlanTerms): ComponentDefinition {
  return {
    kind: 'rate',
    name,
    displayName: null,
    timing: payInAdvance ? 'advance' : 'arrears',
    billableMetricId: null,
    price: { chargeModel: null, amountMinor },
  }
}

// A metric that does not exist is refused once everything that is wrong by itself is known.
function usageComponent(
  charge: ChargeRequest,
  metric: ChargeableMetric | undefined,
  loc: Issue['loc'],
  issues: Issue[],
): ComponentDefinition {
  const { chargeModel, properties, displayName, modifiers, filters } = charge
  const known = metric?.filters ?? new Map()
  const written = { ...charge, hasFilters: filters.length > 0, metric }
  const defined = defineChargeFilters(filters, { known, charge: written, loc: [...loc, 'filters'], issues })
  issues.push(...chargeIssues(written, loc))
  return {
    kind: 'usage',
    name: displayName || (metric?.name ?? ''),
    displayName,
    timing: 'arrears',
    billableMetricId: idOf(charge),
    price: {
      chargeModel,
      amountMinor: null,
      // They are kept as they were written, and read again by the same rule whenever they price something.
      properties: properties as Readonly<Record<string, unknown>>,
      modifiers,
      filters: defined,
    },
  }
}

function requireReferences(charge: ChargeRequest, metrics: ChargeableMetrics): void {
  const metric = metrics.get(idOf(charge))
  if (metric === undefined) {
    throw new AppError('invalid_reference', `no billable metric has the id ${charge.billableMetricId}`)
  }
  for (const { filterId } of charge.filters.flatMap(({ conditions }) => conditions)) {
    if (!metric.filters.has(filterId.toLowerCase())) {
      throw new AppError(
        'invalid_reference',
        `the billable metric "${metric.name}" has no filter with the id ${filterId}`,
      )
    }
  }
}

function idOf({ billableMetricId }: ChargeRequest): string {
  return billableMetricId.toLowerCase()
}
