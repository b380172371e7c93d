import { contains } from '../../shared/calendar/instant-range.ts'
import { dimensionsOf } from '../../shared/metering/count-event.ts'
import { isoOfMicros } from '../../shared/metering/timestamp.ts'
import type { UsageEvent } from '../../shared/metering/usage-event.ts'
import { decimal } from '../../shared/money/decimal.ts'
import { countReadEvent } from '../usage/count-stored-event.ts'
import type { UsageQuestion, UsageSlice } from '../usage/usage-question.ts'

// It arrives now: after everything that is stored.
const LAST_ARRIVAL = 2n ** 63n - 1n

/** What the questions would be answered beside what is stored, had the customer sent the event. */
export function slicesOfSupposedEvent(
  { customerId, event }: { readonly customerId: number; readonly event: UsageEvent },
  questions: readonly UsageQuestion[],
): UsageSlice[] {
  const { code, externalSubscriptionId, timestampMicros, properties, preciseTotalAmountCents } = event
  const at = Temporal.Instant.from(isoOfMicros(timestampMicros))
  const amountMinor = preciseTotalAmountCents === undefined ? null : decimal(preciseTotalAmountCents)
  return questions.flatMap((question, position) => {
    const { metric, source } = question
    const isAsked =
      question.customerId === customerId &&
      metric.eventCode === code &&
      question.externalSubscriptionId === externalSubscriptionId &&
      contains(question, at)
    if (!isAsked) return []
    const counted = countReadEvent({ timestampMicros, amountMinor, properties, arrival: LAST_ARRIVAL }, metric)
    if (counted === undefined) return []
    const { part, value } = counted
    return [{ position, dimensions: dimensionsOf(value, metric), part, events: source === 'events' ? [value] : [] }]
  })
}
