import type { OrganizationTransaction } from '../connection.ts'
import { announce } from '../outbox.ts'

/** Lets a test clock rest; once, however often it is found settled. Answers with the number of clocks changed. */
export async function markTestClockReady(
  transaction: OrganizationTransaction,
  organizationId: number,
  testClockId: string,
): Promise<number> {
  const result = await transaction
    .updateTable('testClocks')
    .set({ status: 'ready', updatedAt: new Date().toISOString() })
    .where('organizationId', '=', organizationId)
    .where('id', '=', testClockId)
    .where('status', '=', 'advancing')
    .executeTakeFirst()
  if (result.numUpdatedRows === 0n) return 0
  await announce(transaction, { organizationId, topic: 'test_clock.ready', payload: { test_clock_id: testClockId } })
  return 1
}
