import { sql } from 'kysely'
import { parseExactJson } from '../../shared/json/exact-json.ts'
import type { ChargeFilterDefinition } from '../../shared/plans/plan-definition.ts'
import type { OrganizationTransaction } from '../connection.ts'

/** A part of a charge's usage with prices of its own. */
export interface ChargeFilter {
  readonly id: string
  readonly priceId: string
  /** All must match. In the order in which they were written. */
  readonly conditions: readonly ChargeFilterCondition[]
  /** As they were written, for the model of the charge; empty: those of the charge. */
  readonly properties: Readonly<Record<string, unknown>>
  readonly displayName: string | null
}

export interface ChargeFilterCondition {
  readonly billableMetricFilterId: string
  /** The event property that the filter reads. */
  readonly key: string
  /** As they were written; empty stands for all. */
  readonly writtenValues: readonly string[]
  /** The values that match. */
  readonly matchedValues: readonly string[]
}

/** The filters of prices, by price, each in the order in which they were written. */
export async function listChargeFilters(
  transaction: OrganizationTransaction,
  organizationId: number,
  priceIds: readonly string[],
): Promise<ReadonlyMap<string, readonly ChargeFilter[]>> {
  if (priceIds.length === 0) return new Map()
  const rows = await selectConditions(transaction, organizationId, priceIds)
  const entries = [...Map.groupBy(rows, (row) => row.id).values()].flatMap((conditions) => {
    const [entry] = conditions
    return entry === undefined ? [] : [toChargeFilter(entry, conditions)]
  })
  return Map.groupBy(entries, (entry) => entry.priceId)
}

/** Writes the filters of prices. */
export async function insertChargeFilters(
  transaction: OrganizationTransaction,
  organizationId: number,
  filters: readonly (ChargeFilterDefinition & { readonly priceId: string; readonly position: number })[],
): Promise<void> {
  if (filters.length === 0) return
  const rows = await transaction
    .insertInto('chargeFilters')
    .values(
      filters.map(({ priceId, position, properties, displayName }) => ({
        organizationId,
        priceId,
        position,
        properties: JSON.stringify(properties),
        displayName,
      })),
    )
    .returning(['id', 'priceId', 'position'])
    .execute()
  const idOf = new Map(rows.map((row) => [`${row.priceId} ${row.position}`, row.id]))
  await transaction
    .insertInto('chargeFilterConditions')
    .values(
      filters.flatMap(({ priceId, position: entry, conditions }) =>
        conditions.map(({ filterId, values }, position) => ({
          organizationId,
          chargeFilterId: idOf.get(`${priceId} ${entry}`) as string,
          position,
          billableMetricFilterId: filterId,
          writtenValues: [...values],
        })),
      ),
    )
    .execute()
}

type ConditionRow = Awaited<ReturnType<typeof selectConditions>>[number]

async function selectConditions(
  transaction: OrganizationTransaction,
  organizationId: number,
  priceIds: readonly string[],
) {
  return await transaction
    .selectFrom('chargeFilters as f')
    .innerJoin('chargeFilterConditions as condition', 'condition.chargeFilterId', 'f.id')
    .innerJoin('billableMetricFilters as filter', 'filter.id', 'condition.billableMetricFilterId')
    .select([
      'f.id',
      'f.priceId',
      // As text, so that a number in it is not read through a double.
      sql<string>`f.properties::text`.as('properties'),
      'f.displayName',
      'condition.billableMetricFilterId',
      'condition.writtenValues',
      'filter.key',
      'filter.allowedValues',
    ])
    .where('f.organizationId', '=', organizationId)
    .where('f.priceId', 'in', [...priceIds])
    .orderBy('f.priceId')
    .orderBy('f.position')
    .orderBy('condition.position')
    .execute()
}

function toChargeFilter(entry: ConditionRow, conditions: readonly ConditionRow[]): ChargeFilter {
  return {
    id: entry.id,
    priceId: entry.priceId,
    conditions: conditions.map(({ billableMetricFilterId, key, writtenValues, allowedValues }) => ({
      billableMetricFilterId,
      key,
      writtenValues,
      matchedValues: writtenValues.length > 0 ? writtenValues : allowedValues,
    })),
    properties: parseExactJson(entry.properties) as Record<string, unknown>,
    displayName: entry.displayName,
  }
}
