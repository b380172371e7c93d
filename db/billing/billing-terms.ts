import { sql } from 'kysely'

/** Whether a component is paid at the start of its period; for queries over `subscriptions`. */
const PAYS_IN_ADVANCE = sql<boolean>`exists (select from price_components advance
  where advance.plan_version_id = subscriptions.plan_version_id and advance.timing = 'advance')`.as('paysInAdvance')

/** The zone that periods opened from now on are in; for queries that join `customers` and `organizations`. */
const NEXT_TIME_ZONE = sql<string>`coalesce(customers.time_zone, organizations.time_zone)`.as('nextTimeZone')

/** What the periods of a subscription follow from; for queries that join `plan_versions`, `customers` and `organizations`. */
export const TERM_COLUMNS = [
  'subscriptions.id',
  'subscriptions.timeZone',
  'subscriptions.billingTime',
  'subscriptions.startedAt',
  'subscriptions.endedAt',
  'subscriptions.currentPeriodStart',
  'subscriptions.currentPeriodEnd',
  'subscriptions.nextBillingAt',
  'subscriptions.trialEndsAt',
  'planVersions.billingInterval as interval',
  'planVersions.trialKind',
  'planVersions.trialUsage',
  PAYS_IN_ADVANCE,
  NEXT_TIME_ZONE,
] as const
