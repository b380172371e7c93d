import { sql } from 'kysely'
import type { AttemptOutcome, AttemptVerdict } from '../../shared/webhooks/judge-attempt.ts'
import type { OrganizationTransaction } from '../connection.ts'
import { instantValue } from '../instant.ts'
import { announce } from '../outbox.ts'
import type { ClaimedDelivery } from './due-deliveries.ts'

/** What is to be written down of an attempt that is over. */
export interface FinishedAttempt {
  readonly claimed: ClaimedDelivery
  readonly outcome: AttemptOutcome
  readonly verdict: AttemptVerdict
  readonly finishedAt: Temporal.Instant
  /** An endpoint where nothing has arrived since then is disabled. */
  readonly giveUpBefore: Temporal.Instant
}

/** Writes down how an attempt went, for its delivery and its endpoint. Answers whether that disabled the endpoint. */
export async function saveAttempt(transaction: OrganizationTransaction, attempt: FinishedAttempt): Promise<boolean> {
  // In the order in which deleting an endpoint locks.
  const isDisabled = await saveEndpointHealth(transaction, attempt)
  await saveDelivery(transaction, attempt)
  const { claimed, outcome, finishedAt } = attempt
  await transaction
    .updateTable('webhookAttempts')
    .set({ finishedAt: finishedAt.toString(), responseStatus: outcome.responseStatus, error: outcome.error })
    .where('organizationId', '=', claimed.organizationId)
    .where('id', '=', claimed.attemptId)
    .execute()
  return isDisabled
}

async function saveDelivery(
  transaction: OrganizationTransaction,
  { claimed, verdict }: FinishedAttempt,
): Promise<void> {
  const { deliveryId, organizationId, attemptId } = claimed
  await transaction
    .updateTable('webhookDeliveries')
    .set((set) => ({
      status: verdict.delivery,
      failures: verdict.delivery === 'delivered' ? set.ref('failures') : set('failures', '+', 1),
      nextAttemptAt: verdict.delivery === 'pending' ? verdict.nextAttemptAt.toString() : null,
      updatedAt: sql`now()`,
    }))
    .where('organizationId', '=', organizationId)
    .where('id', '=', deliveryId)
    // A failure that comes back after its lease says nothing: another attempt is under way.
    .$if(verdict.delivery !== 'delivered', (query) =>
      query.where('attemptId', '=', attemptId).where('status', '=', 'sending'),
    )
    .execute()
}

async function saveEndpointHealth(
  transaction: OrganizationTransaction,
  { claimed, verdict, finishedAt, giveUpBefore }: FinishedAttempt,
): Promise<boolean> {
  const ofEndpoint = transaction
    .updateTable('webhookEndpoints')
    .where('organizationId', '=', claimed.organizationId)
    .where('id', '=', claimed.endpointId)
  if (verdict.endpoint === 'healthy') {
    await ofEndpoint.set({ failingSince: null }).where('failingSince', 'is not', null).execute()
    return false
  }
  await ofEndpoint.set({ failingSince: finishedAt.toString() }).where('failingSince', 'is', null).execute()
  const { numUpdatedRows } = await ofEndpoint
    .set({ enabled: false, disabledReason: verdict.endpoint, updatedAt: sql`now()` })
    .where('enabled', '=', true)
    .$if(verdict.endpoint === 'failing', (query) => query.where('failingSince', '<', instantValue(giveUpBefore)))
    .executeTakeFirstOrThrow()
  if (numUpdatedRows === 0n) return false
  await announce(transaction, {
    organizationId: claimed.organizationId,
    topic: 'webhook_endpoint.disabled',
    payload: { webhook_endpoint_id: claimed.endpointId },
  })
  return true
}
