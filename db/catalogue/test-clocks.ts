import { type Selectable, sql } from 'kysely'
import { AppError } from '../../shared/errors.ts'
import { reopenPeriodsOfTouched } from '../billing/reopened-periods.ts'
import type { OrganizationTransaction } from '../connection.ts'
import { announce } from '../outbox.ts'
import type { Database } from '../schema.ts'
import { lockOrganizationClock } from './organization.ts'

/** The movable clock of an organization in test mode. */
export type TestClock = Selectable<Database['testClocks']>

/** Puts the organization on a clock of its own, which it can only get while nothing has happened in it. */
export async function insertTestClock(
  transaction: OrganizationTransaction,
  organizationId: number,
  { name, frozenTime }: { name: string | null; frozenTime: Temporal.Instant },
): Promise<TestClock> {
  await lockOrganizationClock(transaction, organizationId, 'alone')
  if (await hasTestClock(transaction, organizationId)) {
    throw new AppError('test_clock_exists', 'the organization has a test clock already; advance that one')
  }
  if (await hasSubscriptions(transaction, organizationId)) {
    throw new AppError(
      'organization_is_live',
      'the organization has subscriptions on real time; a test clock needs an organization without any',
    )
  }
  return await transaction
    .insertInto('testClocks')
    .values({ organizationId, name, frozenTime: frozenTime.toString() })
    .returningAll()
    .executeTakeFirstOrThrow()
}

export async function requireTestClock(
  transaction: OrganizationTransaction,
  organizationId: number,
  id: string,
  { forUpdate = false }: { forUpdate?: boolean } = {},
): Promise<TestClock> {
  const clock = await transaction
    .selectFrom('testClocks')
    .selectAll()
    .where('organizationId', '=', organizationId)
    .where('id', '=', id)
    .$if(forUpdate, (query) => query.forUpdate())
    .executeTakeFirst()
  if (clock === undefined) throw new AppError('test_clock_not_found', `no test clock has the id ${id}`)
  return clock
}

/**
 * Moves the clock forward. It is `advancing` from here until the lifecycle worker finds nothing due any more at the
 * new time; a second move in between is refused.
 */
export async function advanceTestClock(
  transaction: OrganizationTransaction,
  organizationId: number,
  { id, frozenTime }: { id: string; frozenTime: Temporal.Instant },
): Promise<TestClock> {
  const clock = await requireTestClock(transaction, organizationId, id, { forUpdate: true })
  if (clock.status === 'advancing') {
    throw new AppError('test_clock_advancing', 'the test clock is still advancing; wait until its status is ready')
  }
  if (Temporal.Instant.compare(frozenTime, clock.frozenTime) <= 0) {
    throw new AppError('test_clock_backwards', `the test clock stands at ${clock.frozenTime}; it only moves forward`)
  }
  // What was counted until now changed periods now, not at the new time.
  await reopenPeriodsOfTouched(transaction, organizationId, { customerIds: 'all', reopenedAt: clock.frozenTime })
  const advanced = await transaction
    .updateTable('testClocks')
    .set({ frozenTime: frozenTime.toString(), status: 'advancing', updatedAt: sql`now()` })
    .where('organizationId', '=', organizationId)
    .where('id', '=', id)
    .returningAll()
    .executeTakeFirstOrThrow()
  await announce(transaction, {
    organizationId,
    topic: 'test_clock.advancing',
    payload: { test_clock_id: id, frozen_time: frozenTime.toString() },
  })
  return advanced
}

async function hasTestClock(transaction: OrganizationTransaction, organizationId: number): Promise<boolean> {
  const row = await transaction
    .selectFrom('testClocks')
    .select('id')
    .where('organizationId', '=', organizationId)
    .executeTakeFirst()
  return row !== undefined
}

async function hasSubscriptions(transaction: OrganizationTransaction, organizationId: number): Promise<boolean> {
  const row = await transaction
    .selectFrom('subscriptions')
    .select('id')
    .where('organizationId', '=', organizationId)
    .limit(1)
    .executeTakeFirst()
  return row !== undefined
}
