import { readCursor } from '../cursor.ts'
import type { Statements } from '../statements.ts'
import { nameCustomer } from './about-series.ts'
import type { DifferenceLog } from './difference.ts'
import { EVENT_COLUMNS, type EventColumns, eventOfColumns } from './event-columns.ts'
import { type ClaimedContent, contentDifferences } from './event-content.ts'
import type { UsageSelection } from './usage-selection.ts'

const EVENTS_PER_PAGE = 1_000

/**
 * Compares each raw event, whether it counts or not, with the key and the hash that its identity and content came to when it
 * was claimed. Those without a claim of their time are left to `checkEventKeys`. Memory holds a page of events.
 */
export async function checkEventContents(
  client: Statements,
  { organizationId, customerId }: UsageSelection,
  log: DifferenceLog,
): Promise<void> {
  const compare = async (page: readonly ClaimedEvent[]) => {
    for (const [place, difference] of contentDifferences(page)) {
      const { customerId: key, eventKey, event } = page[place] as ClaimedEvent
      const customer = await nameCustomer(client, organizationId, key)
      const about = { customer, event_key: eventKey, transaction_id: event.transactionId }
      log.add({ check: 'event_keys', about, ...difference })
    }
  }
  let page: ClaimedEvent[] = []
  const query = { name: 'claimed_events', text: CLAIMED, parameters: [organizationId, customerId ?? null] }
  for await (const row of readCursor<ClaimedRow>(client, query)) {
    page.push(claimedEvent(row))
    if (page.length < EVENTS_PER_PAGE) continue
    await compare(page)
    page = []
  }
  await compare(page)
}

interface ClaimedEvent extends ClaimedContent {
  readonly customerId: number
}

interface ClaimedRow extends EventColumns {
  readonly contentHash: string
  readonly revision: number | null
}

function claimedEvent(row: ClaimedRow): ClaimedEvent {
  const { customerId, eventKey, contentHash, revision } = row
  return { customerId, eventKey, contentHash, revision, event: eventOfColumns(row) }
}

const CLAIMED = `
  select ${EVENT_COLUMNS}, key.content_hash::text as "contentHash",
    amendment.revision + 1 as revision
  from usage_events event
  join event_keys key on key.customer_id = event.customer_id and key.event_key = event.event_key
    and key."timestamp" = event."timestamp"
  left join event_corrections amendment on amendment.customer_id = event.customer_id
    and amendment.replacement_key = event.event_key
  where event.organization_id = $1 and ($2::integer is null or event.customer_id = $2)`
