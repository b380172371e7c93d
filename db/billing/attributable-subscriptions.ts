import type { AttributableSubscription } from '../../shared/invoicing/attribution.ts'
import type { OrganizationTransaction } from '../connection.ts'
import type { PlanComponent } from './plan-components.ts'

/** A subscription of a customer that usage may belong to. */
export type Sibling = Awaited<ReturnType<typeof selectSiblings>>[number]

/** All subscriptions of the customers that ever had a life, by customer. */
export async function listSiblings(
  transaction: OrganizationTransaction,
  organizationId: number,
  customerIds: readonly number[],
): Promise<ReadonlyMap<number, readonly Sibling[]>> {
  if (customerIds.length === 0) return new Map()
  return Map.groupBy(await selectSiblings(transaction, organizationId, customerIds), (sibling) => sibling.customerId)
}

/** The subscriptions with the metrics that their plans charge. */
export function attributableOf(
  siblings: readonly Sibling[],
  components: ReadonlyMap<string, readonly PlanComponent[]>,
): AttributableSubscription[] {
  return siblings.map((sibling) => ({
    ...sibling,
    chargedMetricIds: new Set(
      (components.get(sibling.planVersionId) ?? []).flatMap(({ metric }) => (metric === null ? [] : [metric.id])),
    ),
  }))
}

// A subscription that was cancelled before it started never had a life to be billed for.
async function selectSiblings(
  transaction: OrganizationTransaction,
  organizationId: number,
  customerIds: readonly number[],
) {
  return await transaction
    .selectFrom('subscriptions')
    .select(['id', 'customerId', 'planVersionId', 'startedAt', 'endedAt', 'enteredAt', 'ownEventsOnly'])
    .where('organizationId', '=', organizationId)
    .where('customerId', 'in', [...customerIds])
    .where((where) => where.or([where('endedAt', 'is', null), where('endedAt', '>', where.ref('startedAt'))]))
    .execute()
}
