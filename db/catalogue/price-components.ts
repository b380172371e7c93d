import { type Selectable, sql } from 'kysely'
import { parseExactJson } from '../../shared/json/exact-json.ts'
import type { ComponentDefinition } from '../../shared/plans/plan-definition.ts'
import type { ChargeModel } from '../../shared/pricing/charge-models.ts'
import type { OrganizationTransaction } from '../connection.ts'
import type { ComponentKind, Database, Timing } from '../schema.ts'
import {
  CHARGE_FILTERS,
  type ChargeFilter,
  type ChargeFilterRows,
  insertChargeFilters,
  toChargeFilters,
} from './charge-filters.ts'

type PricedMetric = Pick<Selectable<Database['billableMetrics']>, 'aggregation' | 'recurring' | 'dimensionKeys'>

/** One part of what a plan costs, with its price. */
export interface PriceComponent {
  readonly id: string
  readonly kind: ComponentKind
  /** What invoices call it. */
  readonly name: string
  /** The name it was given; null where it goes by that of its metric. */
  readonly displayName: string | null
  readonly timing: Timing
  readonly billableMetricId: string | null
  readonly billableMetricCode: string | null
  /** What its price must go with; null on a fee. */
  readonly metric: PricedMetric | null
  readonly priceId: string
  readonly chargeModel: ChargeModel | null
  /** As they were written. */
  readonly properties: Readonly<Record<string, unknown>>
  readonly modifiers: Readonly<Record<string, unknown>>
  readonly filters: readonly ChargeFilter[]
  /** Minor units, as text; null for components that have a charge model. */
  readonly amountMinor: string | null
  readonly createdAt: Temporal.Instant
  readonly updatedAt: Temporal.Instant
}

/** The components of plan versions in the order of their position, by version. */
export async function listPriceComponents(
  transaction: OrganizationTransaction,
  organizationId: number,
  planVersionIds: readonly string[],
): Promise<ReadonlyMap<string, readonly PriceComponent[]>> {
  if (planVersionIds.length === 0) return new Map()
  const rows = await selectComponents(transaction, organizationId, planVersionIds)
  const components = rows.map(({ properties, modifiers, aggregation, recurring, dimensionKeys, filters, ...row }) => ({
    ...row,
    metric: aggregation && { aggregation, recurring: recurring ?? false, dimensionKeys: dimensionKeys ?? [] },
    properties: parseExactJson(properties) as Record<string, unknown>,
    modifiers: parseExactJson(modifiers) as Record<string, unknown>,
    filters: toChargeFilters(filters),
  }))
  return Map.groupBy(components, (component) => component.planVersionId)
}

/** Writes the components of a new version, each with its price and its filters. */
export async function insertPriceComponents(
  transaction: OrganizationTransaction,
  { organizationId, planVersionId }: { organizationId: number; planVersionId: string },
  components: readonly ComponentDefinition[],
): Promise<void> {
  const rows = await transaction
    .insertInto('priceComponents')
    .values(
      components.map(({ price: _price, ...component }, position) => ({
        organizationId,
        planVersionId,
        position,
        ...component,
      })),
    )
    .returning(['id', 'position'])
    .execute()
  const idByPosition = new Map(rows.map((row) => [row.position, row.id]))
  const prices = await insertPrices(
    transaction,
    organizationId,
    components.map(({ price }, position) => ({ price, componentId: idByPosition.get(position) as string })),
  )
  await insertChargeFilters(
    transaction,
    organizationId,
    components.flatMap(({ price }, component) =>
      price.chargeModel === null
        ? []
        : price.filters.map((filter, position) => ({
            ...filter,
            priceId: prices.get(idByPosition.get(component) ?? '') as string,
            position,
          })),
    ),
  )
}

async function insertPrices(
  transaction: OrganizationTransaction,
  organizationId: number,
  prices: readonly { readonly price: ComponentDefinition['price']; readonly componentId: string }[],
): Promise<ReadonlyMap<string, string>> {
  const rows = await transaction
    .insertInto('prices')
    .values(
      prices.map(({ price, componentId }) => ({
        organizationId,
        priceComponentId: componentId,
        chargeModel: price.chargeModel,
        amountMinor: price.amountMinor,
        properties: JSON.stringify(price.chargeModel === null ? {} : price.properties),
        modifiers: JSON.stringify(price.chargeModel === null ? {} : price.modifiers),
      })),
    )
    .returning(['id', 'priceComponentId'])
    .execute()
  return new Map(rows.map((row) => [row.priceComponentId, row.id]))
}

async function selectComponents(
  transaction: OrganizationTransaction,
  organizationId: number,
  planVersionIds: readonly string[],
) {
  return await transaction
    .selectFrom('priceComponents as c')
    .innerJoin('prices as price', 'price.priceComponentId', 'c.id')
    .leftJoin('billableMetrics as m', 'm.id', 'c.billableMetricId')
    .select([
      'c.planVersionId',
      'c.id',
      'c.kind',
      'c.name',
      'c.displayName',
      'c.timing',
      'c.billableMetricId',
      'm.code as billableMetricCode',
      'm.aggregation',
      'm.recurring',
      'm.dimensionKeys',
      'price.id as priceId',
      'price.chargeModel',
      // As text, so that a number in it is not read through a double.
      sql<string>`price.properties::text`.as('properties'),
      sql<string>`price.modifiers::text`.as('modifiers'),
      'price.amountMinor',
      sql<ChargeFilterRows>`${sql.raw(CHARGE_FILTERS)}`.as('filters'),
      'c.createdAt',
      'c.updatedAt',
    ])
    .where('c.organizationId', '=', organizationId)
    .where('c.planVersionId', 'in', [...planVersionIds])
    .orderBy('c.planVersionId')
    .orderBy('c.position')
    .execute()
}
