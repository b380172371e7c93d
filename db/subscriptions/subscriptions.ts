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
import { type PriceOverrideRows, priceOverridesOf, toPriceOverrides } from './price-overrides.ts'

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

/** As it is read, overrides still as JSON. */
export interface SubscriptionRow extends Omit<Subscription, 'priceOverrides'> {
  readonly priceOverrides: PriceOverrideRows
}

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

/** The subscription of a row. */
export function withPriceOverrides({ priceOverrides, ...row }: SubscriptionRow): Subscription {
  return { ...row, priceOverrides: toPriceOverrides(priceOverrides) }
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
  return { rows: rows.map(withPriceOverrides), next }
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
      sql<PriceOverrideRows>`${sql.raw(priceOverridesOf('s'))}`.as('priceOverrides'),
    ])
    .where('s.organizationId', '=', organizationId)
}

function isoOrNull(instant: Temporal.Instant | null): string | null {
  return instant === null ? null : instant.toString()
}
