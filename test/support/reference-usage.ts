import { METRICS, type ReferenceMetric } from './reference-metrics.ts'
import type { SentUsage } from './sent-usage.ts'

/** What a metric measured: its units, to twelve digits behind the point, and its events of the period. */
export interface MeasuredUsage {
  readonly units: string
  readonly events: number
}

/** A subscription to all metrics, billed by calendar months, and the one of its customer that comes before it. */
export interface ReferenceSubscription {
  readonly customer: string
  readonly externalId: string
  readonly timeZone: string
  readonly now: string
  readonly startedAt: string
  readonly endedAt: string | null
  /** Whether it may pay for what names only the customer. */
  readonly takesShared: boolean
  readonly before: { readonly startedAt: string; readonly endedAt: string | null } | null
}

/** The usage of its running period, by metric, from what was sent. */
export async function expectedUsage(
  sent: SentUsage,
  { customer, externalId, timeZone, now, startedAt, endedAt, takesShared, before }: ReferenceSubscription,
): Promise<Record<string, MeasuredUsage>> {
  const parameters = [
    now,
    timeZone,
    startedAt,
    endedAt,
    customer,
    externalId,
    takesShared,
    before?.startedAt,
    before?.endedAt,
  ]
  const rows = await sent.query<{ code: string; units: string; events: number }>(
    `with whole as (
       select date_trunc('month', $1::timestamptz, $2::text) as whole_start,
         (date_trunc('month', $1::timestamptz at time zone $2::text) + interval '1 month') at time zone $2::text as whole_end),
     asked as (
       select *, greatest(whole_start, $3::timestamptz) as period_start,
         least(whole_end, coalesce($4::timestamptz, 'infinity')) as period_end from whole),
     billed as (
       select first_sent.*, asked.*, at < period_start as carried from first_sent, asked
       where customer = $5::text and code = 'gauge' and at < period_end and (subscription = $6::text
         or (subscription is null and $7::boolean and at >= $3::timestamptz
           and ($8::timestamptz is null or at < $8 or at >= coalesce($9::timestamptz, 'infinity')))))
     ${METRICS.map(unitsQuery).join(' union all ')}`,
    parameters,
  )
  return Object.fromEntries(rows.map(({ code, units, events }) => [code, { units, events }]))
}

// A charge prices no units below zero.
function unitsQuery({ code, about, fault, value, units }: ReferenceMetric): string {
  const carried = about['recurring'] === true ? '' : 'and not carried'
  return `select '${code}' as code, trim_scale(round(greatest(coalesce(units, 0), 0), 12))::text as units, events::int
    from (select (${units})::numeric as units, count(*) filter (where not carried) as events
          from (select ${value} as value, billed.* from billed where (${fault}) is null ${carried}) usable) measured`.replaceAll(
    'from usable',
    `from (select ${value} as value, billed.* from billed where (${fault}) is null ${carried}) usable`,
  )
}

/** What could not be counted for a metric, or at all, from what was sent: customer, transaction, metric and reason. */
export async function expectedFaults(sent: SentUsage, customers: readonly string[]): Promise<string[]> {
  const ofMetrics = METRICS.map(
    ({ code, fault }) =>
      `select customer, transaction_id, '${code}' as metric, (${fault})::text as reason from first_sent where code = 'gauge'`,
  )
  const rows = await sent.query<{ line: string }>(
    `select concat_ws(' ', customer, transaction_id, metric, reason) as line from (
       ${ofMetrics.join(' union all ')}
       union all select customer, transaction_id, null, 'metric_not_found' from first_sent where code <> 'gauge'
       union all select distinct on (again.customer, again.source, again.transaction_id, again.p)
         again.customer, again.transaction_id, null, 'duplicate_conflict'
         from sent again join originally_sent first using (customer, source, transaction_id) where again.p <> first.p
     ) faults where customer = any($1) and reason is not null`,
    [customers],
  )
  return rows.map(({ line }) => line).sort()
}

/** Which events name a subscription that does not pay for them, given those that were registered before they were sent. */
export async function expectedUnpaid(
  sent: SentUsage,
  customers: readonly string[],
  registered: readonly Pick<ReferenceSubscription, 'customer' | 'externalId' | 'startedAt' | 'endedAt'>[],
): Promise<string[]> {
  const rows = await sent.query<{ line: string }>(
    `with lives as (
       select customer, "externalId" as name, "startedAt" as started_at, coalesce("endedAt", 'infinity') as ended_at
       from jsonb_to_recordset($2::jsonb)
         as life (customer text, "externalId" text, "startedAt" timestamptz, "endedAt" timestamptz))
     select concat_ws(' ', customer, transaction_id, case
       when not exists (select from lives where lives.customer = event.customer and name = subscription)
       then 'subscription_not_found' else 'subscription_not_running' end) as line
     from first_sent event
     where customer = any($1) and subscription is not null and not exists (
       select from lives where lives.customer = event.customer and name = subscription
         and at >= started_at and at < ended_at)`,
    [customers, JSON.stringify(registered)],
  )
  return rows.map(({ line }) => line).sort()
}
