import { validationError } from '../../shared/errors.ts'
import { trialEnd } from '../../shared/subscriptions/trial.ts'
import type { Plan } from '../catalogue/plans.ts'
import type { OrganizationTransaction } from '../connection.ts'
import { instantValue } from '../instant.ts'

/** A trial of its own: so many days from the start, none where they are 0, or until an instant. */
export type TrialRequest = { readonly days: number } | { readonly endsAt: Temporal.Instant }

/** What the end of a subscription's trial follows from. */
export interface TrialOf {
  readonly customerId: number
  readonly plan: Plan
  readonly externalId: string | null
  readonly startedAt: Temporal.Instant
  readonly timeZone: string
}

/**
 * When the trial of a new subscription ends; null without one. What is asked for counts from its own start. What the
 * plan gives counts from the first time that the customer subscribed to the plan, or had the external id: who ends a
 * subscription and starts another has what is left of the trial, and no second one.
 */
export async function findTrialEnd(
  transaction: OrganizationTransaction,
  organizationId: number,
  subscription: TrialOf,
  requested: TrialRequest | null,
): Promise<Temporal.Instant | null> {
  const { plan, startedAt, timeZone } = subscription
  if (requested !== null && 'endsAt' in requested) return requireAfterStart(requested.endsAt, startedAt)
  if (requested !== null) return trialEnd({ startedAt, firstStartedAt: startedAt, days: requested.days, timeZone })
  if (plan.trialPeriodDays === 0) return null
  const firstStartedAt = await findFirstStart(transaction, organizationId, subscription)
  return trialEnd({ startedAt, firstStartedAt, days: plan.trialPeriodDays, timeZone })
}

function requireAfterStart(endsAt: Temporal.Instant, startedAt: Temporal.Instant): Temporal.Instant {
  if (Temporal.Instant.compare(endsAt, startedAt) > 0) return endsAt
  const msg = 'must be later than started_at'
  throw validationError([{ loc: ['body', 'trial_ends_at'], msg, type: 'datetime_order' }])
}

// What was cancelled before its start used up no trial.
async function findFirstStart(
  transaction: OrganizationTransaction,
  organizationId: number,
  { customerId, plan, externalId, startedAt }: TrialOf,
): Promise<Temporal.Instant> {
  const first = await transaction
    .selectFrom('subscriptions as s')
    .innerJoin('planVersions as v', 'v.id', 's.planVersionId')
    .select('s.startedAt')
    .where('s.organizationId', '=', organizationId)
    .where('s.customerId', '=', customerId)
    .where((where) => where.or([where('v.planId', '=', plan.id), where('s.externalId', '=', externalId ?? '')]))
    .where((where) => where.or([where('s.endedAt', 'is', null), where('s.endedAt', '>', where.ref('s.startedAt'))]))
    .where('s.startedAt', '<', instantValue(startedAt))
    .orderBy('s.startedAt')
    .limit(1)
    .executeTakeFirst()
  return first?.startedAt ?? startedAt
}
