import type { PoolClient } from 'pg'
import { isoOfMicros } from '../../shared/metering/timestamp.ts'
import { copyRows } from '../copy.ts'
import { plainArray } from '../plain-array.ts'
import type { Statements } from '../statements.ts'
import type { ClaimTurn } from './claim-turns.ts'
import { type EventRecords, IDENTITY_COLUMNS, IDENTITY_FIELDS } from './event-records.ts'
import type { RecentKeys } from './recent-keys.ts'

/** Events whose identities are claimed: their records, and their customers by their place. */
export interface IdentifiedEvents {
  readonly records: EventRecords
  customerId(place: number): number
}

const UNIQUE_VIOLATION = '23505'

/** Events of some places. */
interface Claim {
  readonly events: IdentifiedEvents
  readonly places: readonly number[]
}

/** What the transactions of a process know of each other's keys. */
export interface ClaimMemory {
  readonly recent: RecentKeys
  readonly turn: ClaimTurn
}

/**
 * Claims the identities of the events at the places, each of which is there once. Answers with the places of those that
 * were claimed before and must not count again. Places must be sorted by customer and key: all are claimed in that one
 * order, so that no transactions wait for each other in a circle. Keys that were claimed lately are looked up first; those
 * that another transaction of this process is about to commit, once it has.
 */
export async function claimEventKeys(
  client: PoolClient,
  organizationId: number,
  { events, places, recent, turn }: Claim & ClaimMemory,
): Promise<readonly number[]> {
  const { records } = events
  const suspected = places.filter((place) => recent.add(records.keyPrefix(place), records.keyInfix(place)))
  const untilEarlierEnded = turn.take()
  const claimed = new Set(await findClaimed(client, organizationId, { events, places: suspected }))
  if (claimed.size < suspected.length) {
    await untilEarlierEnded()
    const missing = suspected.filter((place) => !claimed.has(place))
    for (const place of await findClaimed(client, organizationId, { events, places: missing })) claimed.add(place)
  }
  const left = { events, places: claimed.size === 0 ? places : places.filter((place) => !claimed.has(place)) }
  // What is still suspected was remembered of a transaction that failed; or another process is about to claim it.
  const claim = claimed.size === suspected.length ? claimUnseen : claimWithConflicts
  return [...claimed, ...(await claim(client, organizationId, left))]
}

// Almost always all are new, and COPY costs half of an insert that expects conflicts.
async function claimUnseen(client: PoolClient, organizationId: number, claim: Claim): Promise<readonly number[]> {
  if (await copyKeys(client, organizationId, claim)) return []
  const { events, places } = claim
  const claimed = await findClaimed(client, organizationId, claim)
  const unclaimed = places.filter((place) => !claimed.has(place))
  if (await copyKeys(client, organizationId, { events, places: unclaimed })) return [...claimed]
  // Another transaction has claimed some of them meanwhile.
  return await claimWithConflicts(client, organizationId, claim)
}

/** Answers whether all were new; otherwise none is written. */
async function copyKeys(client: PoolClient, organizationId: number, { events, places }: Claim): Promise<boolean> {
  const { records } = events
  await client.query('savepoint claim_event_keys')
  try {
    await copyRows(client, `event_keys (${IDENTITY_COLUMNS}, customer_id, organization_id)`, places, (place, to) =>
      records
        .copyIdentity(place, to.row(IDENTITY_FIELDS + 2))
        .integer(events.customerId(place))
        .integer(organizationId),
    )
    await client.query('release savepoint claim_event_keys')
    return true
  } catch (error) {
    if ((error as { code?: string }).code !== UNIQUE_VIOLATION) throw error
    await client.query('rollback to savepoint claim_event_keys')
    return false
  }
}

/** The places of those that are claimed already. */
async function findClaimed(
  client: PoolClient,
  organizationId: number,
  { events, places }: Claim,
): Promise<ReadonlySet<number>> {
  if (places.length === 0) return new Set()
  // One by one, by `offset 0`: while statistics are young, the planner would join with the whole table.
  const { rows } = await client.query<{ position: string }>(
    `select asked.position
     from unnest($2::integer[], $3::uuid[]) with ordinality as asked (customer_id, event_key, position)
     where exists (
       select from event_keys
       where organization_id = $1 and customer_id = asked.customer_id and event_key = asked.event_key
       offset 0)`,
    [organizationId, ...keyColumns(events, places)],
  )
  return new Set(rows.map((row) => places[Number(row.position) - 1] as number))
}

async function claimWithConflicts(
  client: PoolClient,
  organizationId: number,
  { events, places }: Claim,
): Promise<readonly number[]> {
  if (places.length === 0) return []
  const { records } = events
  const { rows } = await client.query<{ customer_id: number; event_key: string }>(
    `insert into event_keys (customer_id, event_key, organization_id, content_hash, "timestamp")
     select customer_id, event_key, $1, content_hash, at
     from unnest($2::integer[], $3::uuid[], $4::bigint[], $5::timestamptz[])
       as claimed (customer_id, event_key, content_hash, at)
     order by customer_id, event_key
     on conflict do nothing
     returning customer_id, event_key`,
    [
      organizationId,
      ...keyColumns(events, places),
      plainArray(places.map((place) => records.contentHash(place))),
      places.map((place) => isoOfMicros(records.timestampMicros(place))),
    ],
  )
  const claimed = new Set(rows.map((row) => `${row.customer_id}/${row.event_key.replaceAll('-', '')}`))
  return places.filter((place) => !claimed.has(`${events.customerId(place)}/${records.eventKey(place)}`))
}

/** Of events whose keys were claimed before, the places of those whose first event had another content. */
export async function findContentConflicts(
  client: Statements,
  organizationId: number,
  { events, places }: Claim,
): Promise<readonly number[]> {
  if (places.length === 0) return []
  const { rows } = await client.query<{ position: string }>(
    `select resent.position
     from unnest($2::integer[], $3::uuid[], $4::bigint[]) with ordinality
       as resent (customer_id, event_key, content_hash, position)
     cross join lateral (
       select content_hash from event_keys
       where organization_id = $1 and customer_id = resent.customer_id and event_key = resent.event_key
       offset 0) first
     where first.content_hash <> resent.content_hash`,
    [
      organizationId,
      ...keyColumns(events, places),
      plainArray(places.map((place) => events.records.contentHash(place))),
    ],
  )
  return rows.map((row) => places[Number(row.position) - 1] as number)
}

function keyColumns(events: IdentifiedEvents, places: readonly number[]): [string, string] {
  return [
    plainArray(places.map((place) => events.customerId(place))),
    plainArray(places.map((place) => events.records.eventKey(place))),
  ]
}
