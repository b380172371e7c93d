import { sql } from 'kysely'
import type { LifecycleState, Transition } from '../../shared/lifecycle/transition.ts'
import { TERM_COLUMNS } from '../billing/billing-terms.ts'
import type { OrganizationTransaction } from '../connection.ts'
import { instantValue } from '../instant.ts'

/** Locks those of the subscriptions whose next step is due; what another transaction holds is left out. */
export async function lockDueLifecycles(
  transaction: OrganizationTransaction,
  {
    organizationId,
    subscriptionIds,
    now,
  }: { organizationId: number; subscriptionIds: readonly string[]; now: Temporal.Instant },
): Promise<LifecycleState[]> {
  return await transaction
    .selectFrom('subscriptions')
    .innerJoin('planVersions', 'planVersions.id', 'subscriptions.planVersionId')
    .innerJoin('customers', 'customers.customerId', 'subscriptions.customerId')
    .innerJoin('organizations', 'organizations.organizationId', 'subscriptions.organizationId')
    .select(TERM_COLUMNS)
    .select(['subscriptions.status', 'subscriptions.cancelledAt'])
    .where('subscriptions.organizationId', '=', organizationId)
    .where('subscriptions.id', 'in', subscriptionIds)
    .where('subscriptions.nextLifecycleAt', '<=', instantValue(now))
    .orderBy('subscriptions.id')
    .forUpdate('subscriptions')
    .skipLocked()
    .execute()
}

/** Writes down what subscriptions have become. */
export async function saveTransitions(
  transaction: OrganizationTransaction,
  organizationId: number,
  transitions: readonly Transition[],
): Promise<void> {
  if (transitions.length === 0) return
  const rows = transitions.map((transition) => ({
    id: transition.subscriptionId,
    status: transition.status,
    current_period_start: transition.currentPeriodStart,
    current_period_end: transition.currentPeriodEnd,
    next_billing_at: transition.nextBillingAt,
    next_lifecycle_at: transition.nextLifecycleAt,
    time_zone: transition.timeZone,
  }))
  await sql`
    update subscriptions set status = moved.status, current_period_start = moved.current_period_start,
      current_period_end = moved.current_period_end, next_billing_at = moved.next_billing_at,
      next_lifecycle_at = moved.next_lifecycle_at, time_zone = moved.time_zone, updated_at = now()
    from jsonb_to_recordset(${JSON.stringify(rows)}::jsonb)
      as moved (id uuid, status text, current_period_start timestamptz, current_period_end timestamptz,
        next_billing_at timestamptz, next_lifecycle_at timestamptz, time_zone text)
    where subscriptions.id = moved.id and subscriptions.organization_id = ${organizationId}`.execute(transaction)
}
