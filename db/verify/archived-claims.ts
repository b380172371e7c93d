import { isoOfMicros } from '../../shared/metering/timestamp.ts'
import type { Statements } from '../statements.ts'
import type { ArchivedEvent } from './archived-events.ts'
import type { Difference, DifferenceLog } from './difference.ts'
import { contentDifferences } from './event-content.ts'

const EVENTS_PER_LOOKUP = 1_000

/** Compares archived events with the claims of their identities, a page in memory at a time. */
export interface ArchivedClaims {
  /** Events come in order of customer and time. */
  readonly add: (event: ArchivedEvent) => Promise<void>
  /** Compares the last page. */
  readonly end: () => Promise<void>
}

/**
 * Each archived event has one claim of its time, and is stored once: in one folder, and not in the database as well. Without
 * its claim it would count once more when it is sent again. Key and hash of the claim are those of the event.
 */
export function openArchivedClaims(client: Statements, organizationId: number, log: DifferenceLog): ArchivedClaims {
  const isRepeated = repeatedEvents()
  let page: ComparedEvent[] = []
  const compare = async () => {
    for (const fault of await listFaults(client, organizationId, page)) log.add(fault)
    page = []
  }
  return {
    add: async (event) => {
      page.push({ ...event, isRepeated: isRepeated(event) })
      if (page.length >= EVENTS_PER_LOOKUP) await compare()
    },
    end: compare,
  }
}

interface ComparedEvent extends ArchivedEvent {
  /** An archived event of the same identity and time came before. */
  readonly isRepeated: boolean
}

// Those of one identity have the time of its one claim, or differ from it: so they come one behind the other.
function repeatedEvents(): (event: ArchivedEvent) => boolean {
  let [customerId, micros] = [0, 0]
  const keys = new Set<string>()
  return (event) => {
    const { timestampMicros } = event.event
    if (event.customerId !== customerId || timestampMicros !== micros) keys.clear()
    ;[customerId, micros] = [event.customerId, timestampMicros]
    const isRepeated = keys.has(event.eventKey)
    keys.add(event.eventKey)
    return isRepeated
  }
}

async function listFaults(
  client: Statements,
  organizationId: number,
  page: readonly ComparedEvent[],
): Promise<readonly Difference[]> {
  if (page.length === 0) return []
  const { rows } = await client.query<ClaimRow>(CLAIMS, [
    organizationId,
    page.map(({ customerId }) => customerId),
    page.map(({ eventKey }) => eventKey),
    page.map(({ event }) => isoOfMicros(event.timestampMicros)),
    page.map(({ isRepeated }) => isRepeated),
  ])
  // Row by row in the order of the page.
  const contents = contentDifferences(
    rows.map((row, place) => ({
      ...(page[place] as ComparedEvent),
      revision: row.revision,
      contentHash: row.contentHash,
    })),
  )
  return rows.flatMap(({ customer, isClaimed, stored, computed }, place) => {
    const { eventKey, event } = page[place] as ComparedEvent
    const difference = isClaimed ? contents.get(place) : { stored, computed }
    const about = { customer, event_key: eventKey, transaction_id: event.transactionId }
    return difference === undefined ? [] : [{ check: 'event_keys', about, ...difference } as const]
  })
}

interface ClaimRow {
  readonly customer: string
  /** By one claim of its time, and stored once. */
  readonly isClaimed: boolean
  readonly stored: string
  readonly computed: string
  readonly contentHash: string | null
  /** Of the row that an amendment appended. */
  readonly revision: number | null
}

const CLAIMS = `
  select coalesce(customer.external_id, 'key ' || archived.customer_id) as customer,
    key."timestamp" is not distinct from archived.at and found.others = 0 as "isClaimed",
    concat_ws(' at ', (key.customer_id is not null)::integer || ' claims', key."timestamp") as stored,
    concat_ws(' at ', 1 + found.others || ' events', archived.at) as computed,
    key.content_hash::text as "contentHash", amendment.revision + 1 as revision
  from unnest($2::integer[], $3::uuid[], $4::timestamptz[], $5::boolean[]) with ordinality
    as archived (customer_id, event_key, at, is_repeated, position)
  cross join lateral (
    select archived.is_repeated::integer + count(*) as others from usage_events event
    where event.organization_id = $1 and event.customer_id = archived.customer_id and event."timestamp" = archived.at
      and event.event_key = archived.event_key) found
  left join event_keys key on key.organization_id = $1 and key.customer_id = archived.customer_id
    and key.event_key = archived.event_key
  left join event_corrections amendment on amendment.customer_id = archived.customer_id
    and amendment.replacement_key = archived.event_key
  left join customers customer on customer.customer_id = archived.customer_id
  order by archived.position`
