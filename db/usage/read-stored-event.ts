import type { UsageEvent } from '../../shared/metering/usage-event.ts'

/** What a row of raw events keeps of an event. */
export interface StoredFields
  extends Pick<
    UsageEvent,
    'source' | 'transactionId' | 'code' | 'externalSubscriptionId' | 'timestampMicros' | 'properties'
  > {
  readonly amountMinor: string | null
}

/** The event of a row. Its customer stands beside it by key, and whether it named its time counts for nothing any more. */
export function readStoredEvent({ amountMinor, ...fields }: StoredFields): UsageEvent {
  return {
    ...fields,
    externalCustomerId: '',
    timedByServer: false,
    ...(amountMinor === null ? {} : { preciseTotalAmountCents: amountMinor }),
  }
}
