import { assert } from '../../shared/errors.ts'
import type { FilteredCharge, RateComponent, UsageComponent } from '../../shared/invoicing/components.ts'
import { parseExactJson } from '../../shared/json/exact-json.ts'
import { parseModifiers } from '../../shared/plans/charge-modifiers.ts'
import { type ChargeModel, parseCharge } from '../../shared/pricing/charge-models.ts'
import type { ChargeModifiers } from '../../shared/pricing/modifiers.ts'
import {
  CHARGE_FILTERS,
  type ChargeFilter,
  type ChargeFilterRows,
  toChargeFilters,
} from '../catalogue/charge-filters.ts'
import type { PriceComponent } from '../catalogue/price-components.ts'
import type { OrganizationTransaction } from '../connection.ts'
import { prepared } from '../prepared-statements.ts'
import { runPrepared } from '../run-prepared.ts'
import { type UsageMetricRow, usageMetricOf } from '../usage/usage-metric.ts'
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
  const rows = await runPrepared<ComponentRow>(transaction, COMPONENTS, [organizationId, planVersionIds])
  const byVersion = Map.groupBy(rows, (row) => row.planVersionId)
  return new Map([...byVersion].map(([version, components]) => [version, components.map(toComponent)]))
}

const COMPONENTS = prepared(
  // As text, so that a number in what was written is not read through a double.
  `select c.plan_version_id, c.id, c.kind, c.name, c.timing, c.billable_metric_id, price.id as price_id, price.charge_model,
     price.properties::text as properties, price.modifiers::text as modifiers, price.amount_minor,
     ${CHARGE_FILTERS} as filters,
     m.code as metric_code, m.name as metric_name, m.event_code, m.field_name, m.expression, m.aggregation, m.recurring,
     m.rounding_mode, m.rounding_precision, m.percentile, m.generation, m.dimension_keys, m.rebuild_cursor
   from price_components c
   join prices price on price.price_component_id = c.id
   left join billable_metrics m on m.id = c.billable_metric_id
   where c.organization_id = $1 and c.plan_version_id = any ($2::uuid[])
   order by c.plan_version_id, c.position`,
)

interface ComponentRow
  extends Pick<PriceComponent, 'id' | 'kind' | 'name' | 'timing' | 'billableMetricId' | 'priceId'>,
    Pick<PriceComponent, 'chargeModel' | 'amountMinor'>,
    OrNull<Omit<UsageMetricRow, 'id'>> {
  readonly planVersionId: string
  readonly properties: string
  readonly modifiers: string
  readonly filters: ChargeFilterRows
  readonly metricCode: string | null
  readonly metricName: string | null
  readonly rebuildCursor: number | null
}

// A fee has no metric.
type OrNull<Row> = { readonly [Column in keyof Row]: Row[Column] | null }

function toComponent(row: ComponentRow): PlanComponent {
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
      metric: { code: row.metricCode ?? '', name: row.metricName ?? '' },
      charge,
      modifiers: requireModifiers(row),
      filters: toChargeFilters(row.filters).map((filter) => filteredCharge(filter, charge)),
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
