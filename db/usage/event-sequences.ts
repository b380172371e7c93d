import {
  addSequences,
  mergeRanges,
  type SequenceGap,
  type SequenceRange,
} from '../../shared/metering/sequence-ranges.ts'
import type { ProducerPosition } from '../../shared/metering/usage-event.ts'
import type { Statements } from '../statements.ts'

/**
 * Records which events of producers have arrived; those without a producer are none of its business. The same ones again
 * change nothing but the time.
 */
export async function recordReceivedSequences(
  client: Statements,
  organizationId: number,
  positions: readonly (ProducerPosition | undefined)[],
): Promise<void> {
  const byProducer = new Map<string, SequenceRange[]>()
  for (const position of positions) {
    if (position === undefined) continue
    const range = { first: position.sequence, last: position.sequence }
    const ranges = byProducer.get(position.id)
    if (ranges === undefined) byProducer.set(position.id, [range])
    else ranges.push(range)
  }
  if (byProducer.size === 0) return
  await recordSequences(client, organizationId, byProducer, 'received_count')
}

/** Records that a producer will never send some of its events. What has arrived or was reported before stays as it is. */
export async function recordDroppedSequences(
  client: Statements,
  organizationId: number,
  { producerId, ranges }: { readonly producerId: string; readonly ranges: readonly SequenceRange[] },
): Promise<void> {
  await recordSequences(client, organizationId, new Map([[producerId, ranges]]), 'dropped_count')
}

interface Producer {
  readonly id: string
  readonly name: string
  readonly highest: string
}

interface Arrival {
  readonly producer: Producer
  readonly highest: number
  readonly ranges: readonly SequenceRange[]
}

async function recordSequences(
  client: Statements,
  organizationId: number,
  byProducer: ReadonlyMap<string, readonly SequenceRange[]>,
  counted: 'received_count' | 'dropped_count',
): Promise<void> {
  const producers = await lockProducers(client, organizationId, [...byProducer.keys()])
  const arrivals = producers.map((producer): Arrival => {
    const ranges = mergeRanges(byProducer.get(producer.name) ?? [])
    return { producer, highest: Number(producer.highest), ranges }
  })
  const gaps = await findGapsBetween(client, organizationId, arrivals)
  const changes = arrivals.map(({ producer, highest, ranges }) => ({
    producer,
    ...addSequences({ highest, gaps: gaps.get(producer.id) ?? [] }, ranges),
  }))
  await client.query(
    `update event_producers set highest_sequence = change.highest, ${counted} = ${counted} + change.arrived
     from unnest($2::uuid[], $3::bigint[], $4::bigint[]) as change (id, highest, arrived)
     where event_producers.organization_id = $1 and event_producers.id = change.id`,
    [
      organizationId,
      changes.map(({ producer }) => producer.id),
      changes.map(({ highest }) => highest),
      changes.map(({ arrived }) => arrived),
    ],
  )
  const known = [...gaps].flatMap(([id, found]) => found.map((gap) => ({ id, ...gap })))
  const left = changes.flatMap(({ producer, gaps: found }) => found.map((gap) => ({ id: producer.id, ...gap })))
  await replaceGaps(client, organizationId, known, left)
}

// Two transactions that carry the same producers take their rows in one order, so neither waits in a circle.
async function lockProducers(
  client: Statements,
  organizationId: number,
  names: readonly string[],
): Promise<readonly Producer[]> {
  const { rows } = await client.query<Producer>(
    `insert into event_producers (organization_id, producer_id)
     select $1, name from unnest($2::text[]) as named (name) order by name
     on conflict (organization_id, producer_id) do update set last_seen_at = now()
     returning id, producer_id as name, highest_sequence as highest`,
    [organizationId, names],
  )
  return rows
}

// Events of a healthy producer lie beyond all that is known, and nothing is asked.
async function findGapsBetween(
  client: Statements,
  organizationId: number,
  arrivals: readonly Arrival[],
): Promise<ReadonlyMap<string, readonly SequenceGap[]>> {
  const behind = arrivals.filter(({ highest, ranges }) => (ranges[0]?.first ?? Infinity) <= highest)
  if (behind.length === 0) return new Map()
  const { rows } = await client.query<{ id: string; first: string; last: string; since: string }>(
    `select gap.event_producer_id as id, first_sequence as first, last_sequence as last, missing_since::text as since
     from unnest($2::uuid[], $3::bigint[], $4::bigint[]) as behind (id, lowest, highest)
     join event_producer_gaps gap on gap.event_producer_id = behind.id
       and gap.last_sequence >= behind.lowest and gap.first_sequence <= behind.highest
     where gap.organization_id = $1 order by gap.event_producer_id, gap.first_sequence`,
    [
      organizationId,
      behind.map(({ producer }) => producer.id),
      behind.map(({ ranges }) => ranges[0]?.first),
      behind.map(({ ranges }) => ranges.at(-1)?.last),
    ],
  )
  const gaps = rows.map(({ id, first, last, since }) => ({
    id,
    gap: { first: Number(first), last: Number(last), missingSince: since },
  }))
  return new Map(
    [...Map.groupBy(gaps, ({ id }) => id)].map(([id, found]): [string, SequenceGap[]] => [
      id,
      found.map(({ gap }) => gap),
    ]),
  )
}

interface StoredGap extends SequenceGap {
  readonly id: string
}

async function replaceGaps(
  client: Statements,
  organizationId: number,
  known: readonly StoredGap[],
  left: readonly StoredGap[],
): Promise<void> {
  const keyOf = ({ id, first, last }: StoredGap) => `${id}/${first}/${last}`
  const kept = new Set(known.map(keyOf)).intersection(new Set(left.map(keyOf)))
  const closed = known.filter((gap) => !kept.has(keyOf(gap)))
  const opened = left.filter((gap) => !kept.has(keyOf(gap)))
  if (closed.length > 0) {
    await client.query(
      `delete from event_producer_gaps gap using unnest($2::uuid[], $3::bigint[]) as closed (id, first)
       where gap.organization_id = $1 and gap.event_producer_id = closed.id and gap.first_sequence = closed.first`,
      [organizationId, closed.map(({ id }) => id), closed.map(({ first }) => first)],
    )
  }
  if (opened.length === 0) return
  await client.query(
    `insert into event_producer_gaps (event_producer_id, first_sequence, last_sequence, organization_id, missing_since)
     select id, first, last, $1, coalesce(since::timestamptz, now())
     from unnest($2::uuid[], $3::bigint[], $4::bigint[], $5::text[]) as opened (id, first, last, since)`,
    [
      organizationId,
      opened.map(({ id }) => id),
      opened.map(({ first }) => first),
      opened.map(({ last }) => last),
      opened.map(({ missingSince }) => missingSince),
    ],
  )
}
