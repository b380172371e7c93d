import type { Pool } from 'pg'
import type { Tally } from './events.ts'

/** What the naive pipeline counts: one of the shape that any metering service begins with. */
export async function createNaiveTables(pool: Pool): Promise<void> {
  await pool.query(`
    create table naive_events (
      customer text not null, transaction_id text not null, code text not null, at timestamptz not null,
      properties jsonb not null, primary key (customer, transaction_id));
    create table naive_usage (
      customer text not null, code text not null, model text not null, bucket timestamptz not null,
      events bigint not null, units numeric not null, primary key (customer, code, model, bucket))`)
}

/** Throws unless each event was stored and counted once. */
export async function requireNaivelyCounted(pool: Pool, sent: Tally): Promise<void> {
  const { rows } = await pool.query<{ events: string; counted: string; thousandths: string }>(
    `select (select count(*) from naive_events) as events, sum(events) as counted,
       trim_scale(sum(units) * 1000) as thousandths from naive_usage`,
  )
  const thousandths = [...sent.metrics.values()].reduce((sum, metric) => sum + metric.thousandths, 0)
  const [found] = rows
  if (Number(found?.events) === sent.events && Number(found?.counted) === sent.events) {
    if (Number(found?.thousandths) === thousandths) return
  }
  throw new Error(`the naive pipeline counted ${JSON.stringify(found)}`)
}
