import { parseExactJson } from '../../shared/json/exact-json.ts'
import type { FilterOverride } from '../../shared/subscriptions/filter-overrides.ts'
import type { PriceOverride } from '../../shared/subscriptions/price-overrides.ts'
import type { OrganizationTransaction } from '../connection.ts'

/** Once per subscription and component; the second time fails the transaction. */
export async function insertPriceOverrides(
  transaction: OrganizationTransaction,
  { organizationId, subscriptionId }: { organizationId: number; subscriptionId: string },
  overrides: readonly PriceOverride[],
): Promise<void> {
  if (overrides.length === 0) return
  await transaction
    .insertInto('subscriptionPriceOverrides')
    .values(
      overrides.map(({ properties, modifiers, filters, ...override }) => ({
        organizationId,
        subscriptionId,
        ...override,
        properties: textOf(properties),
        modifiers: textOf(modifiers),
        filters: textOf(filters),
      })),
    )
    .execute()
}

/** The overrides of a row of `subscriptions`, given by its name in the query, as a column for `toPriceOverrides`. */
export function priceOverridesOf(subscription: string): string {
  return `(
    select json_agg(json_build_object('priceComponentId', price_component_id, 'amountMinor', amount_minor::text,
      -- As text, so that a number in it is not read through a double.
      'properties', properties::text, 'modifiers', modifiers::text, 'filters', filters::text, 'displayName', display_name)
      order by price_component_id)
    from subscription_price_overrides
    where subscription_id = ${subscription}.id and organization_id = ${subscription}.organization_id)`
}

/** What the column holds; null where the plan's prices hold. */
export type PriceOverrideRows = readonly PriceOverrideRow[] | null

interface PriceOverrideRow extends Pick<PriceOverride, 'priceComponentId' | 'displayName'> {
  readonly amountMinor: string | null
  readonly properties: string | null
  readonly modifiers: string | null
  readonly filters: string | null
}

/** The overrides that the column holds, by component. */
export function toPriceOverrides(rows: PriceOverrideRows): readonly PriceOverride[] {
  return (rows ?? []).map(({ amountMinor, properties, modifiers, filters, ...row }) => ({
    ...row,
    amountMinor: amountMinor === null ? null : BigInt(amountMinor),
    properties: readText<Readonly<Record<string, unknown>>>(properties),
    modifiers: readText<Readonly<Record<string, unknown>>>(modifiers),
    filters: readText<readonly FilterOverride[]>(filters),
  }))
}

function textOf(value: unknown): string | null {
  return value === null ? null : JSON.stringify(value)
}

function readText<Written>(text: string | null): Written | null {
  return text === null ? null : (parseExactJson(text) as Written)
}
