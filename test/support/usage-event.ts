import type { UsageEvent } from '../../shared/metering/usage-event.ts'

let nextTransaction = 0

/** An event of customer `acme` on 3 March 2026, noon UTC; what the test is about is passed in. */
export function usageEvent(about: Partial<UsageEvent> = {}): UsageEvent {
  return {
    externalCustomerId: 'acme',
    source: '',
    transactionId: `transaction-${nextTransaction++}`,
    code: 'tokens',
    externalSubscriptionId: null,
    timestampMicros: Date.UTC(2026, 2, 3, 12) * 1000,
    timedByServer: false,
    properties: { tokens: 10 },
    ...about,
  }
}
