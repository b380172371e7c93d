import { parseExactJson } from '../../shared/json/exact-json.ts'
import type { ChargeFilterDefinition } from '../../shared/plans/plan-definition.ts'
import type { OrganizationTransaction } from '../connection.ts'

/** A part of a charge's usage with prices of its own. */
export interface ChargeFilter {
  readonly id: string
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

/** The filters of a `price`, each in the order in which they were written, as a column for `toChargeFilters`. */
export const CHARGE_FILTERS = `(
  select json_agg(entry order by position)
  from (
    select f.position, json_build_object('id', f.id, 'displayName', f.display_name,
      -- As text, so that a number in it is not read through a double.
      'properties', f.properties::text,
      'conditions', json_agg(json_build_object('billableMetricFilterId', filter.id, 'key', filter.key,
        'writtenValues', condition.written_values, 'allowedValues', filter.allowed_values) order by condition.position)) as entry
    from charge_filters f
    join charge_filter_conditions condition on condition.charge_filter_id = f.id
    join billable_metric_filters filter on filter.id = condition.billable_metric_filter_id
    where f.price_id = price.id and f.organization_id = price.organization_id
    group by f.id) entries)`

/** What the column holds; null where a price has no filters. */
export type ChargeFilterRows = readonly ChargeFilterRow[] | null

interface ChargeFilterRow extends Pick<ChargeFilter, 'id' | 'displayName'> {
  readonly properties: string
  readonly conditions: readonly (Omit<ChargeFilterCondition, 'matchedValues'> & {
    readonly allowedValues: readonly string[]
  })[]
}

/** The filters that the column holds. */
export function toChargeFilters(rows: ChargeFilterRows): readonly ChargeFilter[] {
  return (rows ?? []).map(({ id, displayName, properties, conditions }) => ({
    id,
    displayName,
    conditions: conditions.map(({ allowedValues, ...condition }) => ({
      ...condition,
      matchedValues: condition.writtenValues.length > 0 ? condition.writtenValues : allowedValues,
    })),
    properties: parseExactJson(properties) as Record<string, unknown>,
  }))
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
