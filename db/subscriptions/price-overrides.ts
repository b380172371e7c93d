import { sql } from 'kysely'
import type { OrganizationTransaction } from '../connection.ts'

/** What a fixed fee costs one subscription, in place of the amount in its plan. */
export interface PriceOverride {
  readonly subscriptionId: string
  readonly priceComponentId: string
  readonly amountMinor: bigint
}

/** Once per subscription and component; the second time fails the transaction. */
export async function insertPriceOverride(
  transaction: OrganizationTransaction,
  organizationId: number,
  override: PriceOverride,
): Promise<void> {
  await transaction
    .insertInto('subscriptionPriceOverrides')
    .values({ organizationId, ...override })
    .execute()
}

/** The amounts by component, by subscription; without an entry the plan's holds. */
export async function listPriceOverrides(
  transaction: OrganizationTransaction,
  organizationId: number,
  subscriptionIds: readonly string[],
): Promise<ReadonlyMap<string, ReadonlyMap<string, bigint>>> {
  if (subscriptionIds.length === 0) return new Map()
  const rows = await transaction
    .selectFrom('subscriptionPriceOverrides')
    .select(['subscriptionId', 'priceComponentId', 'amountMinor'])
    .where('organizationId', '=', organizationId)
    .where('subscriptionId', '=', sql<string>`any (${subscriptionIds}::uuid[])`)
    .execute()
  const bySubscription = Map.groupBy(rows, (row) => row.subscriptionId)
  return new Map(
    [...bySubscription].map(([id, group]) => [
      id,
      new Map(group.map((row) => [row.priceComponentId, BigInt(row.amountMinor)])),
    ]),
  )
}
