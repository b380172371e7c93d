import { isoOfMicros } from '../../shared/metering/timestamp.ts'
import type { Statements } from '../statements.ts'
import type { ArchivedEvent } from './archived-events.ts'
import type { Difference, DifferenceLog } from './difference.ts'

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
 * its claim it would count once more when it is sent again.
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
  const { rows } = await client.query<FaultRow>(FAULTS, [
    organizationId,
    page.map(({ customerId }) => customerId),
    page.map(({ eventKey }) => eventKey),
    page.map(({ event }) => isoOfMicros(event.timestampMicros)),
    page.map(({ isRepeated }) => isRepeated),
  ])
  return rows.map(({ position, customer, eventKey, stored, computed }) => {
    const transactionId = page[Number(position) - 1]?.event.transactionId ?? ''
    return {
      check: 'event_keys',
      about: { customer, event_key: eventKey, transaction_id: transactionId },
      stored,
      computed,
    }
  })
}

interface FaultRow {
  readonly position: string
  readonly customer: string
  readonly eventKey: string
  readonly stored: string
  readonly computed: string
}

const FAULTS = `
  select archived.position::text as position, archived.event_key::text as "eventKey",
    coalesce(customer.external_id, 'key ' || archived.customer_id) as customer,
    concat_ws(' at ', (key.customer_id is not null)::integer || ' claims', key."timestamp") as stored,
    concat_ws(' at ', 1 + found.others || ' events', archived.at) as computed
  from unnest($2::integer[], $3::uuid[], $4::timestamptz[], $5::boolean[]) with ordinality
    as archived (customer_id, event_key, at, is_repeated, position)
  cross join lateral (
    select archived.is_repeated::integer + count(*) as others from usage_events event
    where event.organization_id = $1 and event.customer_id = archived.customer_id and event."timestamp" = archived.at
      and event.event_key = archived.event_key) found
  left join event_keys key on key.organization_id = $1 and key.customer_id = archived.customer_id
    and key.event_key = archived.event_key
  left join customers customer on customer.customer_id = archived.customer_id
  where key."timestamp" is distinct from archived.at or found.others > 0
  order by archived.position`
