import { sql } from 'kysely'
import { dueNotes } from '../billing/due-notes.ts'
import { realNow } from '../clock.ts'
import type { Connection } from '../connection.ts'

/** Subscriptions with a start or an end that is due, over all organizations, a group per organization. */
export async function listDueLifecycles(
  connection: Connection,
  { now, limit }: { now: Temporal.Instant; limit: number },
): Promise<{ organizationId: number; ids: string[] }[]> {
  const { rows } = await sql<{ organizationId: number; ids: string[] }>`
    with due as (
      (select organization_id, id from subscriptions
       where next_lifecycle_at <= ${now.toString()}::timestamptz
         and not exists (select from test_clocks where test_clocks.organization_id = subscriptions.organization_id)
       order by next_lifecycle_at limit ${limit})
      union all
      (select subscriptions.organization_id, subscriptions.id from test_clocks
       join subscriptions on subscriptions.organization_id = test_clocks.organization_id
       where next_lifecycle_at <= frozen_time order by next_lifecycle_at limit ${limit})
    )
    select organization_id, array_agg(id) as ids from due group by organization_id`.execute(connection)
  return rows
}

/** Test clocks on their way whose organization has nothing left to do at the time they were moved to. */
export async function listSettledTestClocks(connection: Connection): Promise<{ organizationId: number; id: string }[]> {
  const { rows } = await sql<{ organizationId: number; id: string }>`
    select clock.organization_id, clock.id from test_clocks clock
    where clock.status = 'advancing'
      and not exists (select from subscriptions where subscriptions.organization_id = clock.organization_id
        and (next_lifecycle_at <= clock.frozen_time or next_billing_at <= clock.frozen_time))
      and not exists (select from invoices where invoices.organization_id = clock.organization_id
        and invoices.status = 'draft' and finalize_at <= clock.frozen_time)
      -- One that was set aside may wait for archived events, and no clock for an operator.
      and not exists (select from (${dueNotes(realNow())}) note
        where note.organization_id = clock.organization_id and note.billing_failed_at is null)`.execute(connection)
  return rows
}
