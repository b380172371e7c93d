import { setTimeout as pause } from 'node:timers/promises'
import type { Pool } from 'pg'
import type { Tally } from './events.ts'
import type { BenchOrganization } from './open-organization.ts'

const POLL_MS = 25
const PATIENCE_MS = 300_000

/** What the database holds of an organization. Units are thousandths, so that they are whole. */
export interface Counted {
  readonly events: number
  readonly keys: number
  readonly unprocessed: number
  /** Per metric and level of the rollups. */
  readonly metrics: ReadonlyMap<string, { readonly events: number; readonly thousandths: number }>
}

/** How many batches that were accepted wait to be counted. */
export async function readQueuedBatches({ client }: Pick<BenchOrganization, 'client'>): Promise<number> {
  const { queued_batches: queued } = await client.get<{ queued_batches: number }>('/v1/events/backlog')
  return queued
}

/** Resolves when nothing that was accepted waits to be counted. */
export async function untilCounted(organization: Pick<BenchOrganization, 'client'>): Promise<void> {
  const deadline = Date.now() + PATIENCE_MS
  while (Date.now() < deadline) {
    if ((await readQueuedBatches(organization)) === 0) return
    await pause(POLL_MS)
  }
  throw new Error(`not all events were counted within ${PATIENCE_MS} ms`)
}

/** Reads what an organization has counted so far. */
export async function readCounted(pool: Pool, organizationId: number): Promise<Counted> {
  const totals = await pool.query<{ events: string; keys: string; unprocessed: string }>(
    `select (select count(*) from usage_events where organization_id = $1) as events,
       (select count(*) from event_keys where organization_id = $1) as keys,
       (select count(*) from unprocessed_events where organization_id = $1) as unprocessed`,
    [organizationId],
  )
  const { rows } = await pool.query<{ code: string; level: number; events: string; thousandths: string }>(
    `select metric.code, rollup.level, sum(rollup.events_count) as events, trim_scale(sum(rollup.value_sum) * 1000) as thousandths
     from usage_rollups rollup
     join usage_series series using (customer_id, series_id)
     join billable_metrics metric on metric.id = series.billable_metric_id and metric.generation = series.generation
     where rollup.organization_id = $1 group by 1, 2`,
    [organizationId],
  )
  const [total] = totals.rows
  return {
    events: Number(total?.events),
    keys: Number(total?.keys),
    unprocessed: Number(total?.unprocessed),
    metrics: new Map(
      rows.map((row) => [
        `${row.code} level ${row.level}`,
        { events: Number(row.events), thousandths: Number(row.thousandths) },
      ]),
    ),
  }
}

const NOTHING = { events: 0, thousandths: 0 }
const LEVELS = [0, 1]

/** Throws unless what was counted between the two is exactly what was sent. */
export function requireExactlyCounted(before: Counted, after: Counted, sent: Tally): void {
  const faults = [
    difference('raw events', after.events - before.events, sent.events),
    difference('event keys', after.keys - before.keys, sent.events),
    difference('unprocessed events', after.unprocessed, before.unprocessed),
  ]
  for (const [code, expected] of sent.metrics) {
    for (const level of LEVELS) {
      const name = `${code} level ${level}`
      const [was, is] = [before.metrics.get(name) ?? NOTHING, after.metrics.get(name) ?? NOTHING]
      faults.push(difference(`events of ${name}`, is.events - was.events, expected.events))
      faults.push(difference(`units of ${name}`, is.thousandths - was.thousandths, expected.thousandths))
    }
  }
  const found = faults.filter((fault) => fault !== undefined)
  if (found.length > 0) throw new Error(`counted is not what was sent: ${found.join('; ')}`)
}

function difference(name: string, found: number, expected: number): string | undefined {
  return found === expected ? undefined : `${name} ${found} instead of ${expected}`
}
