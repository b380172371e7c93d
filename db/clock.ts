import type { OrganizationTransaction } from './connection.ts'

/**
 * What time it is for an organization: the frozen time of its test clock, or the real time. Cut to microseconds, the
 * finest that is stored.
 */
export async function organizationNow(
  transaction: OrganizationTransaction,
  organizationId: number,
): Promise<Temporal.Instant> {
  return (await findFrozenTime(transaction, organizationId)) ?? realNow()
}

/** The time at which the organization's test clock stands; undefined when it lives on real time. */
export async function findFrozenTime(
  transaction: OrganizationTransaction,
  organizationId: number,
): Promise<Temporal.Instant | undefined> {
  const clock = await transaction
    .selectFrom('testClocks')
    .select('frozenTime')
    .where('organizationId', '=', organizationId)
    .executeTakeFirst()
  return clock?.frozenTime
}

/** The real time, to the microsecond. */
export function realNow(): Temporal.Instant {
  return Temporal.Now.instant().round({ smallestUnit: 'microsecond', roundingMode: 'trunc' })
}
