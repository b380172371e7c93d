import { type Selectable, sql } from 'kysely'
import type { Interval } from '../../shared/calendar/interval.ts'
import { AppError } from '../../shared/errors.ts'
import { ENDED_STATUSES } from '../../shared/subscriptions/cancel-subscription.ts'
import type { SubscriptionState } from '../../shared/subscriptions/open-subscription.ts'
import type { PriceOverride } from '../../shared/subscriptions/price-overrides.ts'
import type { TrialKind, TrialUsage } from '../../shared/subscriptions/trial.ts'
import type { OrganizationTransaction } from '../connection.ts'
import { newestFirst, type Page, type PageRequest } from '../paging.ts'
import type { Database, SubscriptionStatus } from '../schema.ts'
import { listPriceOverrides } from './price-overrides.ts'

/** A subscription with the names of what it ties together. */
export type Subscription = Selectable<Database['subscriptions']> & {
  readonly externalCustomerId: string
  readonly planCode: string
  readonly planVersion: number
  readonly interval: Interval
  readonly trialKind: TrialKind
  readonly trialUsage: TrialUsage
  readonly priceOverrides: readonly PriceOverride[]
}

type SubscriptionRow = Omit<Subscription, 'priceOverrides'>

export interface SubscriptionDefinition extends SubscriptionState {
  readonly customerId: number
  /** Null: the subscription's own id. */
  readonly externalId: string | null
  readonly planVersionId: string
  readonly issuerId: string
  readonly name: string | null
  readonly billingTime: 'calendar' | 'anniversary'
  readonly ownEventsOnly: boolean
  readonly currency: string
  readonly timeZone: string
  readonly startedAt: Temporal.Instant
  /** By the organization's clock. */
  readonly enteredAt: Temporal.Instant
  readonly endedAt: Temporal.Instant | null
  readonly trialEndsAt: Temporal.Instant | null
}

/** Throws `subscription_exists` when a live subscription has the external id. */
export async function insertSubscription(
  transaction: OrganizationTransaction,
  organizationId: number,
  definition: SubscriptionDefinition,
): Promise<string> {
  const { externalId, ...terms } = definition
  const { rows } = await sql<{ id: string }>`select uuidv7() as id`.execute(transaction)
  const id = rows[0]?.id ?? ''
  const inserted = await transaction
    .insertInto('subscriptions')
    .values({
      ...terms,
      id,
      organizationId,
      externalId: externalId ?? id,
      startedAt: terms.startedAt.toString(),
      enteredAt: terms.enteredAt.toString(),
      endedAt: isoOrNull(terms.endedAt),
      trialEndsAt: isoOrNull(terms.trialEndsAt),
      currentPeriodStart: isoOrNull(terms.currentPeriodStart),
      currentPeriodEnd: isoOrNull(terms.currentPeriodEnd),
      nextBillingAt: isoOrNull(terms.nextBillingAt),
      nextLifecycleAt: isoOrNull(terms.nextLifecycleAt),
    })
    .onConflict((conflict) =>
      conflict.columns(['organizationId', 'externalId']).where('status', 'not in', ENDED_STATUSES).doNothing(),
    )
    .returning('id')
    .executeTakeFirst()
  if (inserted === undefined) {
    throw new AppError('subscription_exists', `a live subscription has the external id "${externalId}" already`)
  }
  return id
}

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i

/**
 * The subscription of an id or external id. An external id may have been used again: the live subscription counts,
 * else the one created last. Given a customer, those of others are not found.
 */
export async function requireSubscription(
  transaction: OrganizationTransaction,
  organizationId: number,
  reference: string,
  { ofCustomer = null }: { ofCustomer?: string | null } = {},
): Promise<Subscription> {
  const subscription = await selectSubscriptions(transaction, organizationId)
    .$if(ofCustomer !== null, (rows) => rows.where('c.externalId', '=', ofCustomer ?? ''))
    .where((where) =>
      where.or([
        where('s.externalId', '=', reference),
        ...(UUID.test(reference) ? [where('s.id', '=', reference)] : []),
      ]),
    )
    .orderBy(sql`s.id::text = ${reference.toLowerCase()}`, 'desc')
    .orderBy(sql`s.status in (${sql.join(ENDED_STATUSES)})`)
    .orderBy('s.id', 'desc')
    .limit(1)
    .executeTakeFirst()
  if (subscription === undefined) {
    throw new AppError('subscription_not_found', `no subscription has the id or external id "${reference}"`)
  }
  const [found] = await withPriceOverrides(transaction, organizationId, [subscription])
  return found as Subscription
}

async function withPriceOverrides(
  transaction: OrganizationTransaction,
  organizationId: number,
  rows: readonly SubscriptionRow[],
): Promise<readonly Subscription[]> {
  const ids = rows.map(({ id }) => id)
  const overrides = await listPriceOverrides(transaction, organizationId, ids)
  return rows.map((row) => ({ ...row, priceOverrides: [...(overrides.get(row.id)?.values() ?? [])] }))
}

export interface SubscriptionFilter {
  readonly externalCustomerId: string | undefined
  readonly status: SubscriptionStatus | undefined
}

/** Newest first. */
export async function listSubscriptions(
  transaction: OrganizationTransaction,
  organizationId: number,
  { externalCustomerId, status, ...page }: PageRequest & SubscriptionFilter,
): Promise<Page<Subscription>> {
  const query = selectSubscriptions(transaction, organizationId)
    .$if(externalCustomerId !== undefined, (rows) => rows.where('c.externalId', '=', externalCustomerId ?? ''))
    .$if(status !== undefined, (rows) => rows.where('s.status', '=', status as SubscriptionStatus))
  const { rows, next } = await newestFirst(query, page, 's.id')
  return { rows: await withPriceOverrides(transaction, organizationId, rows), next }
}

type SubscriptionKey = Pick<Subscription, 'id' | 'customerId'>

/** Keeps every other transaction, the workers' too, from changing the subscription until this one ends. */
export async function lockSubscription(
  transaction: OrganizationTransaction,
  organizationId: number,
  { id, customerId }: SubscriptionKey,
): Promise<void> {
  await transaction
    .selectFrom('subscriptions')
    .select('id')
    .where('organizationId', '=', organizationId)
    .where('customerId', '=', customerId)
    .where('id', '=', id)
    .forUpdate()
    .execute()
}

export interface SubscriptionChanges {
  readonly status?: SubscriptionStatus
  readonly endedAt: Temporal.Instant
  readonly cancelledAt: Temporal.Instant
  readonly nextLifecycleAt: Temporal.Instant | null
}

export async function updateCancelledSubscription(
  transaction: OrganizationTransaction,
  organizationId: number,
  { id, customerId }: SubscriptionKey,
  { status, endedAt, cancelledAt, nextLifecycleAt }: SubscriptionChanges,
): Promise<void> {
  await transaction
    .updateTable('subscriptions')
    .set({
      ...(status === undefined ? {} : { status }),
      endedAt: endedAt.toString(),
      cancelledAt: cancelledAt.toString(),
      nextLifecycleAt: isoOrNull(nextLifecycleAt),
      updatedAt: sql`now()`,
    })
    .where('organizationId', '=', organizationId)
    .where('customerId', '=', customerId)
    .where('id', '=', id)
    .execute()
}

/** Whether a subscription of the customer may still be billed. */
export async function hasLiveSubscription(
  transaction: OrganizationTransaction,
  organizationId: number,
  customerId: number,
): Promise<boolean> {
  const row = await transaction
    .selectFrom('subscriptions')
    .select('id')
    .where('organizationId', '=', organizationId)
    .where('customerId', '=', customerId)
    .where('status', 'not in', ENDED_STATUSES)
    .limit(1)
    .executeTakeFirst()
  return row !== undefined
}

function selectSubscriptions(transaction: OrganizationTransaction, organizationId: number) {
  return transaction
    .selectFrom('subscriptions as s')
    .innerJoin('customers as c', 'c.customerId', 's.customerId')
    .innerJoin('planVersions as v', 'v.id', 's.planVersionId')
    .innerJoin('plans as p', 'p.id', 'v.planId')
    .selectAll('s')
    .select([
      'c.externalId as externalCustomerId',
      'p.code as planCode',
      'v.version as planVersion',
      'v.billingInterval as interval',
      'v.trialKind',
      'v.trialUsage',
    ])
    .where('s.organizationId', '=', organizationId)
}

function isoOrNull(instant: Temporal.Instant | null): string | null {
  return instant === null ? null : instant.toString()
}
