import { sql } from 'kysely'

/** Whether a component is paid at the start of its period; for queries over `subscriptions`. */
export const PAYS_IN_ADVANCE = sql<boolean>`exists (select from price_components advance
  where advance.plan_version_id = subscriptions.plan_version_id and advance.timing = 'advance')`.as('paysInAdvance')

/** The zone that periods opened from now on are in; for queries that join `customers` and `organizations`. */
export const NEXT_TIME_ZONE = sql<string>`coalesce(customers.time_zone, organizations.time_zone)`.as('nextTimeZone')
