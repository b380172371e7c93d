import type { Statements } from '../statements.ts'
import { partitionOfMonth, type UsageMonth } from './usage-month.ts'

/** Where the raw events of a month lie. */
export interface UsagePartition {
  readonly month: UsageMonth
  /** With indexes. */
  readonly bytes: number
  /** As the planner knows it; null before it was looked at. */
  readonly estimatedEvents: number | null
}

/** The months that have a partition, oldest first. */
export async function listUsagePartitions(client: Statements): Promise<readonly UsagePartition[]> {
  const { rows } = await client.query<{ name: string; bytes: string; estimate: number }>(
    `select child.relname as name, pg_total_relation_size(child.oid)::text as bytes, child.reltuples as estimate
     from pg_inherits join pg_class child on child.oid = inhrelid
     where inhparent = 'usage_events'::regclass order by 1`,
  )
  return rows.map(({ name, bytes, estimate }) => ({
    month: name.replace('usage_events_', '').replace('_', '-'),
    bytes: Number(bytes),
    estimatedEvents: estimate < 0 ? null : estimate,
  }))
}

/** Whether the partition of a month holds any event. */
export async function hasEvents(client: Statements, month: UsageMonth): Promise<boolean> {
  const { rows } = await client.query<{ used: boolean }>(
    `select exists (select from ${partitionOfMonth(month)}) as used`,
  )
  return rows[0]?.used === true
}

const LOCK_TIMEOUT_MS = 500

/**
 * Drops the partition of a month when it is empty. Nobody can write while it is dropped, so it is not waited for long.
 * Answers whether it is gone; while it is there it is only empty.
 */
export async function dropEmptyPartition(client: Statements, month: UsageMonth): Promise<boolean> {
  const name = partitionOfMonth(month)
  await client.query(`set local lock_timeout = ${LOCK_TIMEOUT_MS}`)
  await client.query('lock table only usage_events in access exclusive mode')
  if (await hasEvents(client, month)) return false
  await client.query(`drop table ${name}`)
  return true
}
