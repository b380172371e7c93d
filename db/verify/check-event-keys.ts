import type { Statements } from '../statements.ts'
import type { DifferenceLog } from './difference.ts'
import type { UsageSelection } from './usage-selection.ts'

/**
 * Compares raw events with the claims of their identities: each event has one of its time, and is stored once; each
 * claim has its event. Answers with the number of claims.
 */
export async function checkEventKeys(
  client: Statements,
  selection: UsageSelection,
  log: DifferenceLog,
): Promise<number> {
  const parameters = [selection.organizationId, selection.customerId ?? null]
  const { rows } = await client.query<KeyRow>(UNPAIRED, parameters)
  for (const { customer, eventKey, transactionId, stored, computed } of rows) {
    const about = {
      customer,
      event_key: eventKey,
      ...(transactionId === null ? {} : { transaction_id: transactionId }),
    }
    log.add({ check: 'event_keys', about, stored, computed })
  }
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
    where event.events is distinct from 1 or key.customer_id is null or event.at <> key.at) unpaired
  left join customers customer using (customer_id)
  order by unpaired.customer_id, unpaired.event_key`

const COUNTED = `
  select count(*)::text as keys from event_keys
  where organization_id = $1 and ($2::integer is null or customer_id = $2)`
