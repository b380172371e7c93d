import { AppError } from '../../shared/errors.ts'
import { eventKey } from '../../shared/metering/event-identity.ts'
import type { UsageEvent } from '../../shared/metering/usage-event.ts'
import { refuseArchivedEvent } from '../archives/archived-usage.ts'
import type { CorrectionKind } from '../schema.ts'
import type { Statements } from '../statements.ts'
import { type EventRow, storedEvent } from '../usage/rebuild.ts'
import type { StoredUsageEvent } from '../usage/usage-events.ts'

/** What was done to one row of an event, by whom and why. */
export interface EventCorrection {
  readonly id: string
  readonly kind: CorrectionKind
  readonly reason: string
  readonly apiKeyId: string
  readonly createdAt: Temporal.Instant
}

/** One row of an event. */
export interface EventRevision extends StoredUsageEvent {
  /** 1 is what was sent. */
  readonly revision: number
  readonly contentHash: bigint
  /** Null: this row counts. */
  readonly correction: EventCorrection | null
}

/** All rows of an event, in order; none when no such event is stored. Throws `usage_archived` when one of them is archived. */
export async function listRevisions(
  client: Statements,
  organizationId: number,
  { customerId, ...event }: Pick<UsageEvent, 'source' | 'transactionId'> & { readonly customerId: number },
): Promise<EventRevision[]> {
  const { rows } = await client.query<RevisionRow | MissingRow>(
    `select known.revision, known.event_key as known_key, key.content_hash, event.event_key, event."timestamp",
       event.received_at, event.arrival, event.code, event.source, event.transaction_id, event.external_subscription_id,
       event.amount_minor::text as amount_minor, event.properties::text as properties, correction.id as correction_id, correction.kind, correction.reason,
       correction.api_key_id, correction.created_at
     from (
       select 1 as revision, $3::uuid as event_key
       union all
       select revision + 1, replacement_key from event_corrections
       where organization_id = $1 and customer_id = $2 and identity = $3 and kind = 'amend') known
     left join event_keys key on key.customer_id = $2 and key.event_key = known.event_key and key.organization_id = $1
     left join usage_events event on event.customer_id = $2 and event."timestamp" = key."timestamp"
       and event.event_key = known.event_key and event.organization_id = $1
     left join event_corrections correction on correction.customer_id = $2 and correction.identity = $3
       and correction.revision = known.revision and correction.organization_id = $1
     order by known.revision`,
    [organizationId, customerId, eventKey(event)],
  )
  const missing = rows.find(isMissing)
  if (missing !== undefined)
    await refuseArchivedEvent(client, organizationId, { customerId, eventKey: missing.known_key })
  // Only the first, of which there is no correction, may be unknown.
  return rows.filter(isStored).map((row) => ({
    ...storedEvent(customerId, row),
    revision: row.revision,
    contentHash: BigInt(row.content_hash),
    correction: correctionOf(row),
  }))
}

/** A row that is known and not there. */
interface MissingRow {
  readonly known_key: string
  readonly event_key: null
}

const isMissing = (row: RevisionRow | MissingRow): row is MissingRow => row.event_key === null
const isStored = (row: RevisionRow | MissingRow): row is RevisionRow => row.event_key !== null

interface RevisionRow extends EventRow {
  readonly revision: number
  readonly content_hash: string
  readonly correction_id: string | null
  readonly kind: CorrectionKind
  readonly reason: string
  readonly api_key_id: string
  readonly created_at: Temporal.Instant
}

function correctionOf(row: RevisionRow): EventCorrection | null {
  if (row.correction_id === null) return null
  const { correction_id: id, kind, reason, api_key_id: apiKeyId, created_at: createdAt } = row
  return { id, kind, reason, apiKeyId, createdAt }
}

export function eventNotFound({
  externalCustomerId,
  source,
  transactionId,
}: Pick<UsageEvent, 'externalCustomerId' | 'source' | 'transactionId'>): AppError {
  const from = source === '' ? '' : ` from the source "${source}"`
  return new AppError(
    'event_not_found',
    `the customer "${externalCustomerId}" has no event "${transactionId}"${from}; one that was accepted a moment ago may not be counted yet`,
  )
}
