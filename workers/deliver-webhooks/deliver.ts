import { realNow } from '../../db/clock.ts'
import { withOrganization } from '../../db/connection.ts'
import { saveAttempt } from '../../db/webhooks/attempts.ts'
import type { ClaimedDelivery } from '../../db/webhooks/due-deliveries.ts'
import { openSecret } from '../../db/webhooks/sealed-secret.ts'
import { type AttemptOutcome, judgeAttempt } from '../../shared/webhooks/judge-attempt.ts'
import { signedHeaders } from '../../shared/webhooks/signature.ts'
import type { WebhookSettings } from '../../shared/webhooks/webhook-settings.ts'
import type { WorkerContext } from '../context.ts'
import { postMessage } from './post-message.ts'

const TIME_LIMIT_MS = 15_000

/** An endpoint where nothing has arrived for this long is disabled. */
const GIVE_UP_AFTER_HOURS = 5 * 24

/** Sends a claimed delivery and writes down how it went. A death in between leaves it to be sent again. */
export async function deliver(claimed: ClaimedDelivery, { connection, webhooks, log }: WorkerContext): Promise<void> {
  const outcome = await send(claimed, webhooks)
  const now = realNow()
  const verdict = judgeAttempt(outcome, { failures: claimed.failures, now, chance: Math.random() })
  const isDisabled = await withOrganization(connection, claimed.organizationId, (transaction) =>
    saveAttempt(transaction, {
      claimed,
      outcome,
      verdict,
      finishedAt: now,
      giveUpBefore: now.subtract({ hours: GIVE_UP_AFTER_HOURS }),
    }),
  )
  const { organizationId, messageId, endpointId } = claimed
  log.info({ organizationId, messageId, endpointId, ...outcome, delivery: verdict.delivery }, 'webhook sent')
  if (isDisabled) log.warn({ organizationId, endpointId, reason: verdict.endpoint }, 'webhook endpoint disabled')
}

async function send(claimed: ClaimedDelivery, settings: WebhookSettings): Promise<AttemptOutcome> {
  const { url, body, messageId } = claimed
  const sentAt = realNow()
  const secrets = openSecrets(claimed, { key: settings.sealingKey, now: sentAt })
  if (secrets === undefined) return { responseStatus: null, error: UNREADABLE }
  const headers = { 'user-agent': 'Tabkeeper', ...signedHeaders({ messageId, sentAt, body }, secrets) }
  return await postMessage({ url, headers, body }, { timeLimitMs: TIME_LIMIT_MS, allowPrivate: settings.allowPrivate })
}

const UNREADABLE = "the endpoint's secret cannot be read with this TABKEEPER_SECRET; rotate it"

function openSecrets(
  { endpointId, sealedSecret, previousSealedSecret, previousSecretEndsAt }: ClaimedDelivery,
  { key, now }: { key: Buffer; now: Temporal.Instant },
): string[] | undefined {
  const isPreviousValid = previousSecretEndsAt !== null && Temporal.Instant.compare(now, previousSecretEndsAt) < 0
  const sealed = isPreviousValid ? [sealedSecret, previousSealedSecret] : [sealedSecret]
  try {
    return sealed.filter((secret) => secret !== null).map((secret) => openSecret(secret, { key, endpointId }))
  } catch {
    return undefined
  }
}
