/** Pauses before the second and each later attempt, in seconds; after the last one the delivery has failed. */
export const RETRY_DELAYS_SECONDS = [
  5,
  5 * 60,
  30 * 60,
  2 * 3600,
  5 * 3600,
  10 * 3600,
  14 * 3600,
  20 * 3600,
  24 * 3600,
] as const

/** How an attempt ended: with a status, or without an answer. */
export interface AttemptOutcome {
  readonly responseStatus: number | null
  readonly error: string | null
}

/** What becomes of the delivery, and what it tells about its endpoint. */
export type AttemptVerdict =
  | { readonly delivery: 'delivered'; readonly endpoint: 'healthy' }
  | { readonly delivery: 'pending'; readonly endpoint: 'failing'; readonly nextAttemptAt: Temporal.Instant }
  | { readonly delivery: 'failed'; readonly endpoint: 'failing' | 'gone' }

/**
 * Judges an attempt. `failures` are those before it; `chance`, from 0 to 1, spreads retries over a fifth more than their
 * pause, so that what failed together does not come back together.
 */
export function judgeAttempt(
  { responseStatus }: AttemptOutcome,
  { failures, now, chance }: { failures: number; now: Temporal.Instant; chance: number },
): AttemptVerdict {
  if (responseStatus !== null && responseStatus >= 200 && responseStatus < 300) {
    return { delivery: 'delivered', endpoint: 'healthy' }
  }
  if (responseStatus === GONE) return { delivery: 'failed', endpoint: 'gone' }
  const delaySeconds = RETRY_DELAYS_SECONDS[failures]
  if (delaySeconds === undefined) return { delivery: 'failed', endpoint: 'failing' }
  const milliseconds = Math.round(delaySeconds * 1000 * (1 + chance / 5))
  return { delivery: 'pending', endpoint: 'failing', nextAttemptAt: now.add({ milliseconds }) }
}

const GONE = 410
