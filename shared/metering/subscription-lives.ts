/** A time in which a subscription of a name ran: half-open, in microseconds since the epoch. */
export interface SubscriptionLife {
  readonly startMicros: number
  /** Infinity while no end is set. */
  readonly endMicros: number
}

/** The first and the last of some times, both included. */
export interface SeenTimes {
  readonly firstMicros: number
  readonly lastMicros: number
}

/** Why no subscription of the name that an event gives pays for it. */
export type UnpaidReason = 'subscription_not_found' | 'subscription_not_running'

/**
 * Undefined where one of the lives of the name holds the time. A name may have been used again, so it can have several;
 * without any there is no such subscription.
 */
export function unpaidReason(lives: readonly SubscriptionLife[], timestampMicros: number): UnpaidReason | undefined {
  if (lives.length === 0) return 'subscription_not_found'
  const times = { firstMicros: timestampMicros, lastMicros: timestampMicros }
  return lives.some((life) => holds(life, times)) ? undefined : 'subscription_not_running'
}

/** Whether a life holds all of the times, which spares looking at each. */
export function holds({ startMicros, endMicros }: SubscriptionLife, { firstMicros, lastMicros }: SeenTimes): boolean {
  return startMicros <= firstMicros && lastMicros < endMicros
}
