import { sql } from 'kysely'
import type { OrganizationTransaction } from '../connection.ts'
import { newestFirst, type Page, type PageRequest } from '../paging.ts'

/** Sequences that have not arrived, although later ones of their producer have. */
export interface ProducerGap {
  readonly firstSequence: string
  readonly lastSequence: string
  readonly missingSince: Temporal.Instant
  readonly missingForSeconds: string
}

/** A producer and what is missing of it; sequences and counts are integers as text. */
export interface EventProducer {
  readonly id: string
  readonly producerId: string
  readonly highestSequence: string
  readonly receivedCount: string
  readonly droppedCount: string
  readonly missingCount: string
  readonly createdAt: Temporal.Instant
  readonly lastSeenAt: Temporal.Instant
  readonly gapsCount: string
  /** Lowest first. */
  readonly gaps: readonly ProducerGap[]
}

export interface ProducerFilter {
  readonly producerId: string | undefined
  readonly withGaps: boolean
}

/** How many gaps are shown of a producer; all are counted. */
const SHOWN_GAPS = 100

/** Newest first. */
export async function listEventProducers(
  transaction: OrganizationTransaction,
  organizationId: number,
  { producerId, withGaps, ...page }: PageRequest & ProducerFilter,
): Promise<Page<EventProducer>> {
  const missing = sql<string>`highest_sequence - received_count - dropped_count`
  const producers = transaction
    .selectFrom('eventProducers')
    .select(['id', 'producerId', 'highestSequence', 'receivedCount', 'droppedCount', 'createdAt', 'lastSeenAt'])
    .select(missing.as('missingCount'))
    .where('organizationId', '=', organizationId)
    .$if(producerId !== undefined, (query) => query.where('producerId', '=', producerId ?? ''))
    .$if(withGaps, (query) => query.where(missing, '>', '0'))
  const { rows, next } = await newestFirst(producers, page)
  const gaps = await listFirstGaps(
    transaction,
    organizationId,
    rows.filter((row) => row.missingCount !== '0'),
  )
  const withTheirGaps = rows.map((row) => {
    const found = gaps.get(row.id) ?? []
    return { ...row, gapsCount: found[0]?.gapsCount ?? '0', gaps: found }
  })
  return { rows: withTheirGaps, next }
}

async function listFirstGaps(
  transaction: OrganizationTransaction,
  organizationId: number,
  producers: readonly { readonly id: string }[],
): Promise<ReadonlyMap<string, readonly (ProducerGap & { readonly gapsCount: string })[]>> {
  if (producers.length === 0) return new Map()
  const { rows } = await sql<ProducerGap & { eventProducerId: string; gapsCount: string }>`
    select ranked.* from (
      select event_producer_id, first_sequence, last_sequence, missing_since,
        floor(extract(epoch from now() - missing_since))::bigint as missing_for_seconds,
        count(*) over (partition by event_producer_id) as gaps_count,
        row_number() over (partition by event_producer_id order by first_sequence) as place
      from event_producer_gaps
      where organization_id = ${organizationId} and event_producer_id = any(${producers.map(({ id }) => id)}::uuid[])
    ) ranked where place <= ${SHOWN_GAPS} order by event_producer_id, first_sequence`.execute(transaction)
  return Map.groupBy(rows, (row) => row.eventProducerId)
}
