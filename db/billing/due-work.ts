import { sql } from 'kysely'
import type { Connection } from '../connection.ts'
import { notRebuilding } from './not-rebuilding.ts'
import { notSetAside } from './set-aside.ts'

/** Things of one organization that are due, with a text that changes when they become due again. */
export interface DueChunk {
  readonly organizationId: number
  readonly ids: readonly string[]
  /** Whose things they are, each once. */
  readonly customerIds: readonly number[]
  readonly occasion: string
  /** When the organization's test clock was last moved, in real time; null on real time. */
  readonly clockMovedAt: Temporal.Instant | null
}

/** How long a bill waits for usage that was acknowledged but is not counted yet. */
export interface DueBy {
  /** The real time; organizations with a test clock go by that. */
  readonly now: Temporal.Instant
  /** Real seconds that something must have been due; 0 when no usage is waiting to be counted. */
  readonly liveDelaySeconds: number
  readonly testClockDelaySeconds: number
  readonly limit: number
}

/** Subscriptions whose bill is due, over all organizations, a chunk per organization. */
export async function listDueSubscriptions(connection: Connection, due: DueBy): Promise<DueChunk[]> {
  return await listDue(connection, due, { table: 'subscriptions', column: 'next_billing_at', condition: 'true' })
}

/** Drafts whose grace period is over, over all organizations, a chunk per organization. */
export async function listDueDrafts(connection: Connection, due: DueBy): Promise<DueChunk[]> {
  return await listDue(connection, due, {
    table: 'invoices',
    column: 'finalize_at',
    condition: `item.status = 'draft'`,
  })
}

async function listDue(
  connection: Connection,
  { now, liveDelaySeconds, testClockDelaySeconds, limit }: DueBy,
  { table, column, condition }: { table: 'subscriptions' | 'invoices'; column: string; condition: string },
): Promise<DueChunk[]> {
  const dueAt = sql.ref(`item.${column}`)
  const isReady = sql`${notRebuilding('item')} and ${notSetAside('item', now)}`
  const { rows } = await sql<DueChunk>`
    with due as (
      (select item.organization_id, item.customer_id, item.id, ${dueAt} as due_at, null::timestamptz as clock_moved_at
       from ${sql.table(table)} item
       where ${dueAt} <= ${now.toString()}::timestamptz - make_interval(secs => ${liveDelaySeconds}) and ${sql.raw(condition)}
         and not exists (select from test_clocks clock where clock.organization_id = item.organization_id)
         and ${isReady}
       order by ${dueAt} limit ${limit})
      union all
      (select item.organization_id, item.customer_id, item.id, ${dueAt}, clock.updated_at from test_clocks clock
       join ${sql.table(table)} item on item.organization_id = clock.organization_id
       where ${dueAt} <= clock.frozen_time and ${sql.raw(condition)} and ${isReady}
         and clock.updated_at <= ${now.toString()}::timestamptz - make_interval(secs => ${testClockDelaySeconds})
       order by ${dueAt} limit ${limit})
    )
    select organization_id, array_agg(id order by id) as ids,
      array_agg(distinct customer_id) as customer_ids,
      md5(string_agg(id || '@' || due_at, ',' order by id)) as occasion, max(clock_moved_at) as clock_moved_at
    from due group by organization_id`.execute(connection)
  return rows
}
