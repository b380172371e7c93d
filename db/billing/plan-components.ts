import { sql } from 'kysely'
import { assert } from '../../shared/errors.ts'
import type { RateComponent, UsageComponent } from '../../shared/invoicing/components.ts'
import { parseExactJson } from '../../shared/json/exact-json.ts'
import { decimal } from '../../shared/money/decimal.ts'
import { isPricedModel, parseCharge } from '../../shared/pricing/charge-models.ts'
import type { OrganizationTransaction } from '../connection.ts'
import type { UsageMetric } from '../usage/usage-question.ts'

/** A price component of a plan version with the rows it comes from. */
export interface PlanComponent {
  readonly component: RateComponent | UsageComponent
  readonly priceId: string
  /** The metric that a usage component reads; null on a fee. */
  readonly metric: UsageMetric | null
}

/** The components of plan versions, in the order of their position, by version. */
export async function listPlanComponents(
  transaction: OrganizationTransaction,
  organizationId: number,
  planVersionIds: readonly string[],
): Promise<ReadonlyMap<string, readonly PlanComponent[]>> {
  if (planVersionIds.length === 0) return new Map()
  const rows = await selectComponents(transaction, organizationId, planVersionIds)
  return new Map(
    [...Map.groupBy(rows, (row) => row.planVersionId)].map(([version, components]) => [
      version,
      components.map(toComponent),
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
    .selectFrom('priceComponents')
    .innerJoin('prices', 'prices.priceComponentId', 'priceComponents.id')
    .leftJoin('billableMetrics', 'billableMetrics.id', 'priceComponents.billableMetricId')
    .select(sql<string>`prices.properties::text`.as('properties'))
    .select([
      'priceComponents.id',
      'priceComponents.planVersionId',
      'priceComponents.kind',
      'priceComponents.name',
      'priceComponents.timing',
      'prices.id as priceId',
      'prices.chargeModel',
      'prices.amountMinor',
      'billableMetrics.id as metricId',
      'billableMetrics.code as metricCode',
      'billableMetrics.name as metricName',
      'billableMetrics.eventCode',
      'billableMetrics.aggregation',
      'billableMetrics.fieldName',
      'billableMetrics.expression',
      'billableMetrics.recurring',
      'billableMetrics.roundingMode',
      'billableMetrics.roundingPrecision',
      'billableMetrics.percentile',
      'billableMetrics.generation',
      'billableMetrics.dimensionKeys',
    ])
    .where('priceComponents.organizationId', '=', organizationId)
    .where('priceComponents.planVersionId', 'in', planVersionIds)
    .orderBy('priceComponents.planVersionId')
    .orderBy('priceComponents.position')
    .execute()
}

function toComponent(row: ComponentRow): PlanComponent {
  const { id, name: displayName, priceId } = row
  if (row.kind === 'rate') {
    assert(row.amountMinor !== null, `rate component ${id} has no amount`)
    const amountMinor = BigInt(row.amountMinor)
    return { priceId, metric: null, component: { kind: 'rate', id, displayName, timing: row.timing, amountMinor } }
  }
  assert(row.kind === 'usage', `component ${id} is of kind ${row.kind}, which is not billed yet`)
  const metric = metricOf(row)
  return {
    priceId,
    metric,
    component: {
      kind: 'usage',
      id,
      displayName,
      metric: { code: row.metricCode ?? '', name: row.metricName ?? '' },
      charge: chargeOf(row),
    },
  }
}

function chargeOf({ id, chargeModel, properties }: ComponentRow): UsageComponent['charge'] {
  assert(chargeModel !== null && isPricedModel(chargeModel), `component ${id} has no charge model that can be priced`)
  const parsed = parseCharge(chargeModel, parseExactJson(properties), ['properties'])
  assert('charge' in parsed, `the properties of component ${id} cannot be priced`)
  return parsed.charge
}

function metricOf(row: ComponentRow): UsageMetric {
  const { id, metricId, eventCode, aggregation, fieldName, expression, recurring, generation, dimensionKeys } = row
  assert(metricId !== null && eventCode !== null && aggregation !== null, `usage component ${id} has no metric`)
  const { roundingMode: mode, roundingPrecision: precision, percentile } = row
  return {
    id: metricId,
    eventCode,
    aggregation,
    fieldName,
    expression,
    recurring: recurring ?? false,
    rounding: mode === null ? null : { mode, precision: precision ?? 0 },
    percentile: percentile === null ? null : decimal(percentile),
    generation: generation ?? 1,
    dimensionKeys: dimensionKeys ?? [],
  }
}
