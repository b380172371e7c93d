import { AppError } from '../../shared/errors.ts'
import { ENDED_STATUSES } from '../../shared/subscriptions/cancel-subscription.ts'
import { realNow } from '../clock.ts'
import type { OrganizationTransaction } from '../connection.ts'
import { prepared } from '../prepared-statements.ts'
import { runPrepared } from '../run-prepared.ts'
import { priceOverridesOf } from './price-overrides.ts'
import { type Subscription, type SubscriptionRow, withPriceOverrides } from './subscriptions.ts'

/** A subscription, and what time it was for its organization when it was read. */
export type FoundSubscription = Subscription & { readonly now: Temporal.Instant }

/**
 * The subscription of an id or external id. An external id may have been used again: the live subscription counts,
 * else the one created last. Given a customer, those of others are not found.
 */
export async function requireSubscription(
  transaction: OrganizationTransaction,
  organizationId: number,
  reference: string,
  { ofCustomer = null }: { ofCustomer?: string | null } = {},
): Promise<FoundSubscription> {
  const id = UUID.test(reference) ? reference : null
  const values = [organizationId, reference, id, ofCustomer]
  const [found] = await runPrepared<FoundRow>(transaction, SUBSCRIPTION, values)
  if (found === undefined) {
    throw new AppError('subscription_not_found', `no subscription has the id or external id "${reference}"`)
  }
  const { frozenTime, ...row } = found
  return { ...withPriceOverrides(row), now: frozenTime ?? realNow() }
}

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i

interface FoundRow extends SubscriptionRow {
  readonly frozenTime: Temporal.Instant | null
}

const SUBSCRIPTION = prepared(
  `select s.organization_id, s.id, s.customer_id, s.external_id, s.plan_version_id, s.issuer_id, s.name, s.status,
     s.billing_time, s.own_events_only, s.currency, s.time_zone, s.started_at, s.ended_at, s.cancelled_at, s.entered_at,
     s.trial_ends_at, s.current_period_start, s.current_period_end, s.next_billing_at, s.next_lifecycle_at,
     s.billing_failed_at, s.created_at, s.updated_at, c.external_id as external_customer_id, p.code as plan_code,
     v.version as plan_version, v.billing_interval as interval, v.trial_kind, v.trial_usage,
     ${priceOverridesOf('s')} as price_overrides,
     (select frozen_time from test_clocks clock where clock.organization_id = s.organization_id) as frozen_time
   from subscriptions s
   join customers c on c.customer_id = s.customer_id
   join plan_versions v on v.id = s.plan_version_id
   join plans p on p.id = v.plan_id
   where s.organization_id = $1 and (s.external_id = $2 or s.id = $3::uuid)
     and ($4::text is null or c.external_id = $4)
   order by s.id = $3::uuid desc nulls last, s.status in ('${ENDED_STATUSES.join("', '")}'), s.id desc
   limit 1`,
)
