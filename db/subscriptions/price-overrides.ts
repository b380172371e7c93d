import { sql } from 'kysely'
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

/** The overrides by component, by subscription; without an entry the plan's prices hold. */
export async function listPriceOverrides(
  transaction: OrganizationTransaction,
  organizationId: number,
  subscriptionIds: readonly string[],
): Promise<ReadonlyMap<string, ReadonlyMap<string, PriceOverride>>> {
  if (subscriptionIds.length === 0) return new Map()
  const rows = await selectOverrides(transaction, organizationId, subscriptionIds)
  const bySubscription = Map.groupBy(rows, (row) => row.subscriptionId)
  return new Map(
    [...bySubscription].map(([id, group]) => [
      id,
      new Map(group.map((row) => [row.priceComponentId, toOverride(row)])),
    ]),
  )
}

async function selectOverrides(
  transaction: OrganizationTransaction,
  organizationId: number,
  subscriptionIds: readonly string[],
) {
  return await transaction
    .selectFrom('subscriptionPriceOverrides')
    .select(['subscriptionId', 'priceComponentId', 'amountMinor', 'displayName'])
    // As text, so that a number in it is not read through a double.
    .select([
      sql<string | null>`properties::text`.as('properties'),
      sql<string | null>`modifiers::text`.as('modifiers'),
      sql<string | null>`filters::text`.as('filters'),
    ])
    .where('organizationId', '=', organizationId)
    .where('subscriptionId', '=', sql<string>`any (${subscriptionIds}::uuid[])`)
    .orderBy('priceComponentId')
    .execute()
}

function toOverride(row: Awaited<ReturnType<typeof selectOverrides>>[number]): PriceOverride {
  const { priceComponentId, displayName, amountMinor, properties, modifiers, filters } = row
  return {
    priceComponentId,
    displayName,
    amountMinor: amountMinor === null ? null : BigInt(amountMinor),
    properties: readText<Readonly<Record<string, unknown>>>(properties),
    modifiers: readText<Readonly<Record<string, unknown>>>(modifiers),
    filters: readText<readonly FilterOverride[]>(filters),
  }
}

function textOf(value: unknown): string | null {
  return value === null ? null : JSON.stringify(value)
}

function readText<Written>(text: string | null): Written | null {
  return text === null ? null : (parseExactJson(text) as Written)
}
