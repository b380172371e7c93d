import { assert } from '../../shared/errors.ts'
import type { FilteredCharge, RateComponent, UsageComponent } from '../../shared/invoicing/components.ts'
import { parseExactJson } from '../../shared/json/exact-json.ts'
import { parseModifiers } from '../../shared/plans/charge-modifiers.ts'
import { type ChargeModel, parseCharge } from '../../shared/pricing/charge-models.ts'
import type { ChargeModifiers } from '../../shared/pricing/modifiers.ts'
import { type ChargeFilter, listChargeFilters } from '../catalogue/charge-filters.ts'
import { COMPONENT_COLUMNS } from '../catalogue/price-components.ts'
import type { OrganizationTransaction } from '../connection.ts'
import { usageMetricOf } from '../usage/usage-metric.ts'
import type { UsageMetric } from '../usage/usage-question.ts'

/** A price component of a plan version with the rows it comes from. */
export interface PlanComponent {
  readonly component: RateComponent | UsageComponent
  readonly priceId: string
  /** The metric that a usage component reads; null on a fee. */
  readonly metric: UsageMetric | null
  /** Whether events of the metric are still being counted. */
  readonly isRebuilding: boolean
}

/** The components of plan versions, in the order of their position, by version. */
export async function listPlanComponents(
  transaction: OrganizationTransaction,
  organizationId: number,
  planVersionIds: readonly string[],
): Promise<ReadonlyMap<string, readonly PlanComponent[]>> {
  if (planVersionIds.length === 0) return new Map()
  const rows = await selectComponents(transaction, organizationId, planVersionIds)
  const priceIds = rows.filter(({ kind }) => kind === 'usage').map(({ priceId }) => priceId)
  const filters = await listChargeFilters(transaction, organizationId, priceIds)
  return new Map(
    [...Map.groupBy(rows, (row) => row.planVersionId)].map(([version, components]) => [
      version,
      components.map((row) => toComponent(row, filters.get(row.priceId) ?? [])),
    ]),
  )
}

type ComponentRow = Awaited<ReturnType<typeof selectComponents>>[number]

async function selectComponents(
  transaction: OrganizationTransaction,
  organizationId: number,
  planVersionIds: readonly string[],
) {
  return await transaction
    .selectFrom('priceComponents as c')
    .innerJoin('prices as price', 'price.priceComponentId', 'c.id')
    .leftJoin('billableMetrics as m', 'm.id', 'c.billableMetricId')
    .select(COMPONENT_COLUMNS)
    .select(['m.name as metricName', 'm.eventCode', 'm.fieldName', 'm.expression', 'm.roundingMode'])
    .select(['m.roundingPrecision', 'm.percentile', 'm.generation', 'm.rebuildCursor'])
    .where('c.organizationId', '=', organizationId)
    .where('c.planVersionId', 'in', [...planVersionIds])
    .orderBy('c.planVersionId')
    .orderBy('c.position')
    .execute()
}

function toComponent(row: ComponentRow, filters: readonly ChargeFilter[]): PlanComponent {
  const { id, name: displayName, priceId } = row
  if (row.kind === 'rate') {
    assert(row.amountMinor !== null, `rate component ${id} has no amount`)
    const amountMinor = BigInt(row.amountMinor)
    return {
      priceId,
      metric: null,
      isRebuilding: false,
      component: { kind: 'rate', id, displayName, timing: row.timing, amountMinor },
    }
  }
  assert(row.kind === 'usage', `component ${id} is of kind ${row.kind}, which is not billed yet`)
  const charge = requireCharge(row.chargeModel, parseExactJson(row.properties), id)
  return {
    priceId,
    metric: metricOf(row),
    isRebuilding: row.rebuildCursor !== null,
    component: {
      kind: 'usage',
      id,
      displayName,
      metric: { code: row.billableMetricCode ?? '', name: row.metricName ?? '' },
      charge,
      modifiers: requireModifiers(row),
      filters: filters.map((filter) => filteredCharge(filter, charge)),
    },
  }
}

// What the database holds was checked when it was written.
function requireCharge(model: ChargeModel | null, properties: unknown, id: string): UsageComponent['charge'] {
  assert(model !== null, `component ${id} has no charge model`)
  const parsed = parseCharge(model, properties, ['properties'])
  assert('charge' in parsed, `the properties of component ${id} cannot be priced`)
  return parsed.charge
}

function requireModifiers({ id, modifiers }: ComponentRow): ChargeModifiers {
  const parsed = parseModifiers(parseExactJson(modifiers) as Record<string, unknown>, [])
  assert('properties' in parsed, `the modifiers of component ${id} cannot be applied`)
  return parsed.properties
}

// A filter without properties has the prices of its charge.
function filteredCharge(filter: ChargeFilter, charge: UsageComponent['charge']): FilteredCharge {
  const { id, conditions, properties, displayName } = filter
  const described = conditions.map(({ key, writtenValues }) => `${key}: ${writtenValues.join(' or ') || 'any'}`)
  return {
    id,
    displayName,
    conditionText: described.join(', '),
    conditions: conditions.map(({ key, matchedValues }) => ({ key, values: new Set(matchedValues) })),
    charge: Object.keys(properties).length === 0 ? charge : requireCharge(charge.model, properties, id),
  }
}

function metricOf(row: ComponentRow): UsageMetric {
  const { id, billableMetricId, eventCode, aggregation, recurring, roundingPrecision, generation, dimensionKeys } = row
  assert(billableMetricId !== null && eventCode !== null && aggregation !== null, `usage component ${id} has no metric`)
  return usageMetricOf({
    ...row,
    id: billableMetricId,
    eventCode,
    aggregation,
    recurring: recurring ?? false,
    roundingPrecision: roundingPrecision ?? 0,
    generation: generation ?? 1,
    dimensionKeys: dimensionKeys ?? [],
  })
}
