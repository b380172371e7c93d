import type { ArchivedUsage } from '../archives/archived-usage.ts'
import type { Statements } from '../statements.ts'
import type { DifferenceLog } from './difference.ts'
import type { UsageSelection } from './usage-selection.ts'

/**
 * Compares raw events with the claims of their identities: each event has one of its time, and is stored once; each
 * claim has its event, or one of as many as were archived of its month. Answers with the number of claims.
 */
export async function checkEventKeys(
  client: Statements,
  selection: UsageSelection,
  { archived, log }: { archived: readonly ArchivedUsage[]; log: DifferenceLog },
): Promise<number> {
  const parameters = [selection.organizationId, selection.customerId ?? null]
  const months = [...new Set(archived.map(({ month }) => `${month}-01`))]
  const { rows } = await client.query<KeyRow>(UNPAIRED, [...parameters, months])
  for (const { customer, eventKey, transactionId, stored, computed } of rows) {
    const about = {
      customer,
      event_key: eventKey,
      ...(transactionId === null ? {} : { transaction_id: transactionId }),
    }
    log.add({ check: 'event_keys', about, stored, computed })
  }
  if (selection.customerId === undefined) await checkArchivedKeys(client, { months, archived, log })
  const {
    rows: [counted],
  } = await client.query<{ keys: string }>(COUNTED, parameters)
  return Number(counted?.keys ?? 0)
}

interface KeyRow {
  readonly customer: string
  readonly eventKey: string
  readonly transactionId: string | null
  readonly stored: string
  readonly computed: string
}

const OF_ARCHIVED_MONTH = `date_trunc('month', key.at at time zone 'UTC')::date = any($3::date[])`

const UNPAIRED = `
  with event as (
    select customer_id, event_key, count(*) as events, min(transaction_id) as transaction_id, min("timestamp") as at
    from usage_events
    where organization_id = $1 and ($2::integer is null or customer_id = $2) group by 1, 2),
  key as (
    select customer_id, event_key, "timestamp" as at from event_keys
    where organization_id = $1 and ($2::integer is null or customer_id = $2))
  select coalesce(customer.external_id, 'key ' || unpaired.customer_id) as customer,
    unpaired.event_key::text as "eventKey", unpaired.transaction_id as "transactionId",
    concat_ws(' at ', unpaired.events || ' events', unpaired.event_at) as computed,
    concat_ws(' at ', unpaired.keys || ' claims', unpaired.key_at) as stored
  from (
    select customer_id, event_key, event.transaction_id, event.at as event_at, key.at as key_at, coalesce(event.events, 0) as events,
      (key.customer_id is not null)::integer as keys
    from event full join key using (customer_id, event_key)
    where event.events > 1 or key.customer_id is null or event.at <> key.at
      or (event.events is null and not ${OF_ARCHIVED_MONTH})) unpaired
  left join customers customer using (customer_id)
  order by unpaired.customer_id, unpaired.event_key`

const COUNTED = `
  select count(*)::text as keys from event_keys
  where organization_id = $1 and ($2::integer is null or customer_id = $2)`

// Which identities were archived only the archive knows; how many of each month is known here.
async function checkArchivedKeys(
  client: Statements,
  { months, archived, log }: { months: readonly string[]; archived: readonly ArchivedUsage[]; log: DifferenceLog },
): Promise<void> {
  for (const month of months) {
    const ofMonth = archived.filter((usage) => `${usage.month}-01` === month)
    const computed = ofMonth.reduce((sum, { eventsCount }) => sum + eventsCount, 0)
    const { rows } = await client.query<{ keys: string }>(WITHOUT_EVENT, [ofMonth[0]?.organizationId, month])
    const stored = Number(rows[0]?.keys ?? 0)
    if (stored === computed) continue
    const about = { month: month.slice(0, 7) }
    log.add({
      check: 'archives',
      about,
      stored: `${stored} claims without event`,
      computed: `${computed} archived events`,
    })
  }
}

const WITHOUT_EVENT = `
  select count(*)::text as keys from event_keys key
  where organization_id = $1
    and "timestamp" >= $2::date::timestamp at time zone 'UTC'
    and "timestamp" < ($2::date + interval '1 month')::timestamp at time zone 'UTC'
    and not exists (select from usage_events event where event.customer_id = key.customer_id
      and event."timestamp" = key."timestamp" and event.event_key = key.event_key)`
