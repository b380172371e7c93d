import { createHmac } from 'node:crypto'

/** What is signed of one attempt. */
export interface SignedContent {
  /** The same at every attempt, so that a receiver can tell a repetition. */
  readonly messageId: string
  readonly sentAt: Temporal.Instant
  readonly body: string
}

/**
 * The headers that prove who sent a message and when: Standard Webhooks 1.0, symmetric, one signature per secret. Secrets
 * are `whsec_` and the base64 of the key.
 */
export function signedHeaders(
  { messageId, sentAt, body }: SignedContent,
  secrets: readonly string[],
): Record<'webhook-id' | 'webhook-timestamp' | 'webhook-signature', string> {
  const timestamp = String(Math.floor(sentAt.epochMilliseconds / 1000))
  const signatures = secrets.map((secret) => {
    const key = Buffer.from(secret.slice(SECRET_PREFIX.length), 'base64')
    return `v1,${createHmac('sha256', key).update(`${messageId}.${timestamp}.${body}`).digest('base64')}`
  })
  return { 'webhook-id': messageId, 'webhook-timestamp': timestamp, 'webhook-signature': signatures.join(' ') }
}

export const SECRET_PREFIX = 'whsec_'
