import type { PoolClient } from 'pg'
import { isoOfMicros } from '../../shared/metering/timestamp.ts'
import { copyRows } from '../copy.ts'
import { plainArray } from '../plain-array.ts'
import type { Statements } from '../statements.ts'

/** The identity of an event and the hash of its content. */
export interface EventKey {
  readonly customerId: number
  /** 32 hexadecimal digits. */
  readonly eventKey: string
  readonly contentHash: bigint
  /** When the event was, in microseconds since the epoch: where its row is found. */
  readonly timestampMicros: number
}

const UNIQUE_VIOLATION = '23505'

/**
 * Claims the identities of events, each of which is given once. Answers those that were claimed before and must not count
 * again. Keys must be sorted, so that two transactions never wait for each other in a circle.
 */
export async function claimEventKeys<Key extends EventKey>(
  client: PoolClient,
  organizationId: number,
  keys: readonly Key[],
): Promise<readonly Key[]> {
  // Almost always all are new, and COPY costs half of an insert that expects conflicts.
  if (await copyKeys(client, organizationId, keys)) return []
  const claimed = await findClaimed(client, organizationId, keys)
  const unclaimed = keys.filter((_, position) => !claimed.has(position))
  if (await copyKeys(client, organizationId, unclaimed)) return keys.filter((_, position) => claimed.has(position))
  // Another transaction has claimed some of them meanwhile.
  return await claimWithConflicts(client, organizationId, keys)
}

/** Answers whether all were new; otherwise none is written. */
async function copyKeys(client: PoolClient, organizationId: number, keys: readonly EventKey[]): Promise<boolean> {
  await client.query('savepoint claim_event_keys')
  try {
    await copyRows(
      client,
      'event_keys (customer_id, event_key, organization_id, content_hash, "timestamp")',
      keys,
      ({ customerId, eventKey, contentHash, timestampMicros }, to) =>
        to
          .row(5)
          .integer(customerId)
          .uuid(eventKey)
          .integer(organizationId)
          .bigint(contentHash)
          .timestamp(timestampMicros),
    )
    await client.query('release savepoint claim_event_keys')
    return true
  } catch (error) {
    if ((error as { code?: string }).code !== UNIQUE_VIOLATION) throw error
    await client.query('rollback to savepoint claim_event_keys')
    return false
  }
}

/** Which keys are claimed already, by position. */
async function findClaimed(
  client: PoolClient,
  organizationId: number,
  keys: readonly EventKey[],
): Promise<ReadonlySet<number>> {
  const [customerIds, eventKeys] = columnsOf(keys)
  // One by one, by `offset 0`: while statistics are young, the planner would join with the whole table.
  const { rows } = await client.query<{ position: string }>(
    `select asked.position
     from unnest($2::integer[], $3::uuid[]) with ordinality as asked (customer_id, event_key, position)
     where exists (
       select from event_keys
       where organization_id = $1 and customer_id = asked.customer_id and event_key = asked.event_key
       offset 0)`,
    [organizationId, customerIds, eventKeys],
  )
  return new Set(rows.map((row) => Number(row.position) - 1))
}

async function claimWithConflicts<Key extends EventKey>(
  client: PoolClient,
  organizationId: number,
  keys: readonly Key[],
): Promise<readonly Key[]> {
  const { rows } = await client.query<{ customer_id: number; event_key: string }>(
    `insert into event_keys (customer_id, event_key, organization_id, content_hash, "timestamp")
     select customer_id, event_key, $1, content_hash, at
     from unnest($2::integer[], $3::uuid[], $4::bigint[], $5::timestamptz[])
       as claimed (customer_id, event_key, content_hash, at)
     order by customer_id, event_key
     on conflict do nothing
     returning customer_id, event_key`,
    [organizationId, ...columnsOf(keys), keys.map((key) => isoOfMicros(key.timestampMicros))],
  )
  const claimed = new Set(rows.map((row) => `${row.customer_id}/${row.event_key.replaceAll('-', '')}`))
  return keys.filter(({ customerId, eventKey }) => !claimed.has(`${customerId}/${eventKey}`))
}

/** Of keys that were claimed before: those whose first event had another content, by position. */
export async function findContentConflicts(
  client: Statements,
  organizationId: number,
  keys: readonly EventKey[],
): Promise<ReadonlySet<number>> {
  if (keys.length === 0) return new Set()
  const { rows } = await client.query<{ position: string }>(
    `select resent.position
     from unnest($2::integer[], $3::uuid[], $4::bigint[]) with ordinality
       as resent (customer_id, event_key, content_hash, position)
     cross join lateral (
       select content_hash from event_keys
       where organization_id = $1 and customer_id = resent.customer_id and event_key = resent.event_key
       offset 0) first
     where first.content_hash <> resent.content_hash`,
    [organizationId, ...columnsOf(keys)],
  )
  return new Set(rows.map((row) => Number(row.position) - 1))
}

function columnsOf(keys: readonly EventKey[]): [string, string, string] {
  return [
    plainArray(keys.map((key) => key.customerId)),
    plainArray(keys.map((key) => key.eventKey)),
    plainArray(keys.map((key) => key.contentHash)),
  ]
}
