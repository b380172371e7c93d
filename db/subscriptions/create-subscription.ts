import type { BillingTime } from '../../shared/calendar/interval.ts'
import { AppError } from '../../shared/errors.ts'
import { openSubscription } from '../../shared/subscriptions/open-subscription.ts'
import { definePriceOverrides, type PriceOverridesRequest } from '../../shared/subscriptions/price-overrides.ts'
import { type Customer, requireCustomer, updateCustomer } from '../catalogue/customers.ts'
import { requireDefaultIssuer } from '../catalogue/issuers.ts'
import { lockOrganizationClock, requireOrganization } from '../catalogue/organization.ts'
import { type Plan, requirePlan } from '../catalogue/plans.ts'
import { organizationNow } from '../clock.ts'
import type { OrganizationTransaction } from '../connection.ts'
import { announce } from '../outbox.ts'
import { insertPriceOverrides } from './price-overrides.ts'
import { requireSubscription } from './require-subscription.ts'
import { insertSubscription, type Subscription } from './subscriptions.ts'
import { findTrialEnd, type TrialRequest } from './trial-end.ts'

export interface SubscriptionRequest {
  readonly externalCustomerId: string
  readonly planCode: string
  readonly externalId: string | null
  readonly name: string | null
  /** Null: now. */
  readonly startedAt: Temporal.Instant | null
  readonly endedAt: Temporal.Instant | null
  readonly billingTime: BillingTime
  readonly ownEventsOnly: boolean
  /** Whether periods are billed that were over before the subscription is created; not when left out. */
  readonly backfillInvoices?: boolean
  /** Null: what the plan gives to whoever subscribes to it for the first time. */
  readonly trial?: TrialRequest | null
  /** What differs from the plan's prices. */
  readonly priceOverrides?: PriceOverridesRequest | null
}

/** Subscribes a customer to the newest version of a plan, in one currency and one zone for as long as it runs. */
export async function createSubscription(
  transaction: OrganizationTransaction,
  organizationId: number,
  request: SubscriptionRequest,
): Promise<Subscription> {
  await lockOrganizationClock(transaction, organizationId, 'shared')
  const now = await organizationNow(transaction, organizationId)
  // Locked, because two first subscriptions at once may not give the customer two currencies.
  const customer = await requireCustomer(transaction, organizationId, request.externalCustomerId, { forUpdate: true })
  const plan = await requireSellablePlan(transaction, organizationId, request.planCode)
  await requireCurrency(transaction, organizationId, { customer, plan })
  const organization = await requireOrganization(transaction, organizationId)
  const issuer = await requireDefaultIssuer(transaction, organizationId)
  const terms = {
    startedAt: request.startedAt ?? now,
    endedAt: request.endedAt,
    billingTime: request.billingTime,
    timeZone: customer.timeZone ?? organization.timeZone,
  }
  const { externalId, backfillInvoices = false, trial = null, priceOverrides = null } = request
  const overrides = priceOverrides === null ? [] : definePriceOverrides(priceOverrides, plan)
  const trialOf = { customerId: customer.customerId, plan, externalId, ...terms }
  const trialEndsAt = await findTrialEnd(transaction, organizationId, trialOf, trial)
  const paysInAdvance = plan.components.some((component) => component.timing === 'advance')
  const id = await insertSubscription(transaction, organizationId, {
    ...terms,
    ...openSubscription({ ...plan, ...terms, trialEndsAt, paysInAdvance, backfillInvoices }, now),
    trialEndsAt,
    customerId: customer.customerId,
    enteredAt: now,
    externalId,
    planVersionId: plan.versionId,
    issuerId: issuer.id,
    name: request.name,
    ownEventsOnly: request.ownEventsOnly,
    currency: plan.currency,
  })
  await insertPriceOverrides(transaction, { organizationId, subscriptionId: id }, overrides)
  await announce(transaction, {
    organizationId,
    topic: 'subscription.created',
    payload: { subscription_id: id, customer_id: customer.id },
  })
  return await requireSubscription(transaction, organizationId, id)
}

async function requireSellablePlan(
  transaction: OrganizationTransaction,
  organizationId: number,
  code: string,
): Promise<Plan> {
  const plan = await requirePlan(transaction, organizationId, code)
  if (plan.archivedAt !== null) {
    throw new AppError('plan_archived', `the plan "${code}" is archived and takes no new subscriptions`)
  }
  return plan
}

// One currency per customer, because a balance is never summed across currencies; the first subscription decides.
async function requireCurrency(
  transaction: OrganizationTransaction,
  organizationId: number,
  { customer, plan }: { customer: Customer; plan: Plan },
): Promise<void> {
  if (customer.currency === plan.currency) return
  if (customer.currency !== null) {
    throw new AppError(
      'currency_mismatch',
      `the customer "${customer.externalId}" is billed in ${customer.currency}, the plan "${plan.code}" in ${plan.currency}`,
    )
  }
  await updateCustomer(transaction, organizationId, customer.customerId, { currency: plan.currency })
}
