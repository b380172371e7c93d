import { AppError } from '../../shared/errors.ts'
import { amendEvent, type EventChanges } from '../../shared/metering/amend-event.ts'
import { revisionKey } from '../../shared/metering/event-identity.ts'
import type { UsageEvent } from '../../shared/metering/usage-event.ts'
import { findCustomerKey } from '../catalogue/customers.ts'
import type { OrganizationTransaction } from '../connection.ts'
import { announce } from '../outbox.ts'
import { statementsOf } from '../statements.ts'
import { contentHash } from '../usage/event-records.ts'
import { openCounting } from '../usage/ingest-references.ts'
import { applyCorrection } from './apply-correction.ts'
import { type EventRevision, eventNotFound, listRevisions } from './event-history.ts'
import { insertAmendedEvent, insertCorrection } from './insert-correction.ts'

/** Asks to void an event, or to amend it. */
export interface CorrectionRequest {
  readonly event: Pick<UsageEvent, 'externalCustomerId' | 'source' | 'transactionId'>
  /** Null voids the event. */
  readonly changes: EventChanges | null
  readonly reason: string
  readonly apiKeyId: string
  /** When it was asked for, by the clock of the organization. */
  readonly receivedAt: string
}

/** What was corrected, and what counts in its place: null for what was voided. */
export interface CorrectedEvent {
  readonly corrected: EventRevision
  readonly replacement: EventRevision | null
}

/**
 * Voids or amends what counts of an event, and corrects usage in the same transaction. A correction that was made before is
 * answered as it was then. Throws `event_not_found`, `event_voided`, `event_unchanged`, `period_closed` where late usage is
 * refused, and `event_correction_conflict` when another one came between. The partition of an amended time must be there.
 */
export async function correctEvent(
  transaction: OrganizationTransaction,
  organizationId: number,
  request: CorrectionRequest,
): Promise<CorrectedEvent> {
  const customerId = await findCustomerKey(transaction, organizationId, request.event.externalCustomerId)
  if (customerId === undefined) throw eventNotFound(request.event)
  const client = statementsOf(transaction)
  // Held to the end, and taken before all else: whoever waits for a row of another correction holds it already.
  const { firstArrival, refusesLate } = await openCounting(client, organizationId)
  const reload = () => listRevisions(client, organizationId, { ...request.event, customerId })
  const revisions = await reload()
  const made = findMade(revisions, request)
  if (made !== undefined) return made
  const corrected = requireLive(revisions, request)
  const replacement = replacementOf(corrected, request, firstArrival)
  const correction = await insertCorrection(client, organizationId, { corrected, replacement, ...request })
  if (correction === undefined) return requireSame(await reload(), request)
  if (replacement !== null) await insertAmendedEvent(client, organizationId, replacement)
  await applyCorrection(client, organizationId, { corrected, replacement, refusesLate })
  const payload = { event_correction_id: correction.id }
  await announce(transaction, { organizationId, topic: 'event_correction.created', payload })
  // As it is read from now on: the database has its own order of keys.
  return requireSame(await reload(), request)
}

function replacementOf(corrected: EventRevision, request: CorrectionRequest, arrival: bigint): EventRevision | null {
  const { changes, receivedAt } = request
  if (changes === null) return null
  const event = amendEvent(corrected.event, changes)
  const hash = contentHash(event)
  if (hash === contentHash(corrected.event)) {
    throw new AppError('event_unchanged', `the event "${request.event.transactionId}" says all of this already`)
  }
  const revision = corrected.revision + 1
  const { customerId } = corrected
  const eventKey = revisionKey(event, revision)
  return { customerId, eventKey, receivedAt, arrival, event, revision, contentHash: hash, correction: null }
}

/** The correction of the request, when it was made before. */
function findMade(revisions: readonly EventRevision[], request: CorrectionRequest): CorrectedEvent | undefined {
  const place = revisions.findIndex((revision, index) => isSame(revision, revisions[index + 1], request))
  const corrected = revisions[place]
  return corrected && { corrected, replacement: revisions[place + 1] ?? null }
}

function isSame(
  { correction, event }: EventRevision,
  replacement: EventRevision | undefined,
  { changes, reason }: CorrectionRequest,
): boolean {
  if (correction === null || correction.reason !== reason) return false
  if (changes === null || correction.kind === 'void') return changes === null && correction.kind === 'void'
  return replacement?.contentHash === contentHash(amendEvent(event, changes))
}

function requireLive(revisions: readonly EventRevision[], request: CorrectionRequest): EventRevision {
  const last = revisions.at(-1)
  if (last === undefined) throw eventNotFound(request.event)
  if (last.correction === null) return last
  throw new AppError(
    'event_voided',
    `the event "${request.event.transactionId}" was voided; send what was used under another transaction id`,
  )
}

function requireSame(revisions: readonly EventRevision[], request: CorrectionRequest): CorrectedEvent {
  const made = findMade(revisions, request)
  if (made !== undefined) return made
  throw new AppError(
    'event_correction_conflict',
    `the event "${request.event.transactionId}" was corrected otherwise at the same time; read it, and send again what is still wanted`,
  )
}
