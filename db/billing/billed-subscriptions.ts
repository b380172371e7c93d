import { sql } from 'kysely'
import type { OrganizationTransaction } from '../connection.ts'
import { instantValue } from '../instant.ts'
import { prepared } from '../prepared-statements.ts'
import { runPrepared } from '../run-prepared.ts'
import { type PriceOverrideRows, priceOverridesOf, toPriceOverrides } from '../subscriptions/price-overrides.ts'
import { TERM_COLUMNS } from './billing-terms.ts'

/** A subscription as billing sees it. */
export type BilledSubscription = Awaited<ReturnType<typeof selectBilled>>[number]

/**
 * Locks those of the subscriptions whose bill is due; others, and those that another worker holds, are left out. The
 * locks last until the transaction ends.
 */
export async function lockDueSubscriptions(
  transaction: OrganizationTransaction,
  {
    organizationId,
    subscriptionIds,
    now,
  }: { organizationId: number; subscriptionIds: readonly string[]; now: Temporal.Instant },
): Promise<BilledSubscription[]> {
  const locked = await transaction
    .selectFrom('subscriptions')
    .select(['id', 'customerId'])
    .where('organizationId', '=', organizationId)
    .where('id', 'in', subscriptionIds)
    .where('nextBillingAt', '<=', instantValue(now))
    .orderBy('id')
    .forUpdate()
    .skipLocked()
    .execute()
  return await listBilledSubscriptions(transaction, organizationId, locked)
}

/** The subscriptions of the ids and customers given. */
export async function listBilledSubscriptions(
  transaction: OrganizationTransaction,
  organizationId: number,
  subscriptions: readonly { readonly id: string; readonly customerId: number }[],
): Promise<BilledSubscription[]> {
  return subscriptions.length === 0 ? [] : await selectBilled(transaction, organizationId, subscriptions)
}

/** The subscriptions of the customers that have a running period. */
export async function listRunningSubscriptions(
  transaction: OrganizationTransaction,
  organizationId: number,
  customerIds: readonly number[],
): Promise<BilledSubscription[]> {
  const running = await runPrepared<{ id: string; customerId: number }>(transaction, RUNNING, [
    organizationId,
    customerIds,
  ])
  return await listBilledSubscriptions(transaction, organizationId, running)
}

const RUNNING = prepared(
  `select id, customer_id from subscriptions
   where organization_id = $1 and customer_id = any ($2::integer[]) and current_period_start is not null`,
)

async function selectBilled(
  transaction: OrganizationTransaction,
  organizationId: number,
  subscriptions: readonly { readonly id: string; readonly customerId: number }[],
) {
  const customerIds = [...new Set(subscriptions.map(({ customerId }) => customerId))]
  const rows = await transaction
    .selectFrom('subscriptions')
    .innerJoin('planVersions', 'planVersions.id', 'subscriptions.planVersionId')
    .innerJoin('issuers', 'issuers.id', 'subscriptions.issuerId')
    .innerJoin('customers', 'customers.customerId', 'subscriptions.customerId')
    .innerJoin('organizations', 'organizations.organizationId', 'subscriptions.organizationId')
    .select(TERM_COLUMNS)
    .select([
      'subscriptions.customerId',
      'subscriptions.externalId',
      'subscriptions.planVersionId',
      'subscriptions.issuerId',
      'subscriptions.currency',
      'issuers.gracePeriodSeconds',
      sql<PriceOverrideRows>`${sql.raw(priceOverridesOf('subscriptions'))}`.as('priceOverrides'),
    ])
    .where('subscriptions.organizationId', '=', organizationId)
    .where('subscriptions.customerId', 'in', customerIds)
    .where(
      'subscriptions.id',
      'in',
      subscriptions.map(({ id }) => id),
    )
    .orderBy('subscriptions.id')
    .execute()
  return rows.map((row) => ({ ...row, priceOverrides: toPriceOverrides(row.priceOverrides) }))
}
