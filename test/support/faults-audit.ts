import type { Pool } from 'pg'
import { transactionId } from './faults-replay.ts'
import type { FaultyService } from './faults-service.ts'
import { until } from './faults-until.ts'

/** Every way in which the stored usage is not exactly the events of the replay, each counted once; none when it is. */
export async function findUsageFaults(pool: Pool, requestCount: number): Promise<string[]> {
  const expected = new Set(Array.from({ length: requestCount }, (_, index) => transactionId(index)))
  const stored = await column(pool, 'select transaction_id from usage_events')
  return [
    ...stored.filter((id) => !expected.delete(id)).map((id) => `${id} is stored twice or was never sent`),
    ...[...expected].map((id) => `${id} is lost`),
    ...(await column(pool, EVENTS_AND_KEYS)),
    ...(await column(pool, ROLLUPS_AND_EVENTS)),
    ...(await column(pool, `select 'unprocessed: ' || transaction_id || ' ' || reason from unprocessed_events`)),
  ]
}

/** Every way in which the invoices are not whole: claims, numbers, totals, postings and announcements. */
export async function findInvoiceFaults(pool: Pool): Promise<string[]> {
  const found = await Promise.all(INVOICE_RULES.map((rule) => column(pool, rule)))
  return found.flat()
}

/** Resolves when no queue holds a job but those that its schedule will add again. Throws on a dead letter. */
export async function untilQueuesAreEmpty({ producer }: Pick<FaultyService, 'producer'>): Promise<void> {
  await until('the queues are empty', async () => (await listUnfinished(producer)).length === 0)
  const failed = await Promise.all(producer.queues().map((queue) => queue.getFailed()))
  const letters = failed.flat().map((job) => `${job.queueName} ${job.id}: ${job.failedReason}`)
  if (letters.length > 0) throw new Error(`dead letters:\n${letters.join('\n')}`)
}

async function listUnfinished(producer: FaultyService['producer']): Promise<string[]> {
  const jobs = await Promise.all(
    producer.queues().map((queue) => queue.getJobs(['wait', 'active', 'delayed', 'prioritized'])),
  )
  return jobs
    .flat()
    .filter((job) => job !== undefined && job.repeatJobKey === undefined)
    .map((job) => `${job.queueName} ${job.id}`)
}

async function column(pool: Pool, statement: string): Promise<string[]> {
  const { rows } = await pool.query<string[]>({ text: statement, rowMode: 'array' })
  return rows.map(([value]) => value ?? '')
}

const EVENTS_AND_KEYS = `
  select coalesce(event.event_key, key.event_key) || ' is not claimed and stored once each'
  from (select customer_id, event_key, count(*) as times from usage_events group by 1, 2) event
  full join event_keys key using (customer_id, event_key)
  where event.times is distinct from 1 or key.event_key is null`

// Each metric summed anew from the raw events, by plain SQL.
const ROLLUPS_AND_EVENTS = `
  with summed as (
    select series.customer_id, series.series_id, unit.level,
      floor(extract(epoch from event."timestamp") / unit.seconds)::integer as bucket, count(*) as events_count,
      sum(case metric.aggregation when 'count' then 1
          else (event.properties #>> string_to_array(metric.field_name, '.'))::numeric end) as value_sum
    from usage_events event
    join billable_metrics metric on metric.organization_id = event.organization_id and metric.event_code = event.code
    join usage_series series on series.customer_id = event.customer_id and series.billable_metric_id = metric.id
    cross join (values (0, 900), (1, 86400)) unit (level, seconds)
    group by 1, 2, 3, 4
  )
  select format('series %s level %s bucket %s is %s instead of %s', series_id, level, bucket,
    rollup.value_sum, summed.value_sum)
  from summed full join usage_rollups rollup using (customer_id, series_id, level, bucket)
  where (summed.events_count, summed.value_sum) is distinct from (rollup.events_count, rollup.value_sum)`

const INVOICE_RULES = [
  `select format('subscription %s has %s invoices for %s', subscription_id, count(*), period_start) from invoices
   group by subscription_id, period_start having count(*) <> 1`,
  `select format('invoice %s is %s', id, status) from invoices where status <> 'finalized'`,
  `select format('invoice %s should be number %s', number, place)
   from (select number, issuer_id, row_number() over (partition by issuer_id order by number) as place from invoices) numbered
   where number is distinct from 'INV-' || lpad(place::text, 6, '0')`,
  `select format('issuer %s counts %s', code, last_invoice_number) from issuers
   where last_invoice_number <> (select count(*) from invoices where invoices.issuer_id = issuers.id)`,
  `select format('invoice %s is %s, its lines come to %s', number, total_minor, lines) from invoices
   join (select invoice_id, sum(amount_minor) as lines from invoice_lines group by 1) line on line.invoice_id = invoices.id
   where total_minor <> lines`,
  `select format('invoice %s is %s, posted are %s', number, total_minor, posted) from invoices
   left join (select reference_id, sum(amount_minor) as posted from ledger_postings group by 1) posting
     on posting.reference_id = invoices.id::text
   where total_minor <> coalesce(posted, 0)`,
  `select format('posting %s refers to no invoice', posting.id) from ledger_postings posting
   where not exists (select from invoices where invoices.id::text = posting.reference_id)`,
  `select format('accounts in %s come to %s', currency, sum(amount)) from (
     select debit.currency, posting.amount_minor as amount from ledger_postings posting
       join ledger_accounts debit on debit.id = posting.debit_account_id
     union all
     select credit.currency, -posting.amount_minor from ledger_postings posting
       join ledger_accounts credit on credit.id = posting.credit_account_id) movement
   group by currency having sum(amount) <> 0`,
  `select format('invoice %s was announced %s times as %s', invoices.id, count(outbox.id), topic.topic) from invoices
   cross join (values ('invoice.created'), ('invoice.finalized')) topic (topic)
   left join outbox on outbox.topic = topic.topic and outbox.payload ->> 'invoice_id' = invoices.id::text
   group by invoices.id, topic.topic having count(outbox.id) <> 1`,
  `select format('%s is not relayed', topic) from outbox where relayed_at is null`,
]
