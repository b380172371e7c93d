import type { AttributableSubscription } from '../../shared/invoicing/attribution.ts'
import type { OrganizationTransaction } from '../connection.ts'
import { prepared } from '../prepared-statements.ts'
import { runPrepared } from '../run-prepared.ts'
import type { PlanComponent } from './plan-components.ts'

/** A subscription of a customer that usage may belong to. */
export interface Sibling extends Omit<AttributableSubscription, 'chargedMetricIds'> {
  readonly customerId: number
  readonly planVersionId: string
}

/** All subscriptions of the customers that ever had a life, by customer. */
export async function listSiblings(
  transaction: OrganizationTransaction,
  organizationId: number,
  customerIds: readonly number[],
): Promise<ReadonlyMap<number, readonly Sibling[]>> {
  if (customerIds.length === 0) return new Map()
  const siblings = await runPrepared<Sibling>(transaction, SIBLINGS, [organizationId, customerIds])
  return Map.groupBy(siblings, ({ customerId }) => customerId)
}

// A subscription that was cancelled before it started never had a life to be billed for.
const SIBLINGS = prepared(
  `select id, customer_id, plan_version_id, started_at, ended_at, entered_at, own_events_only
   from subscriptions
   where organization_id = $1 and customer_id = any ($2::integer[]) and (ended_at is null or ended_at > started_at)`,
)

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
