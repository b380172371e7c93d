import { parseExactJson } from '../../shared/json/exact-json.ts'
import type { CountedValue } from '../../shared/metering/aggregation.ts'
import { contributionOf } from '../../shared/metering/contribution.ts'
import { microsOfInstant } from '../../shared/metering/timestamp.ts'
import { partOfEvent, type UsagePart } from '../../shared/metering/usage-part.ts'
import { decimal } from '../../shared/money/decimal.ts'
import type { UsageMetric } from './usage-question.ts'

/** What a raw event is read from; the properties as text, so that no digit is lost. */
export interface StoredEventRow {
  readonly timestamp: Temporal.Instant
  readonly arrival: string
  readonly amountMinor: string | null
  readonly properties: string
}

/** What a stored event adds to a metric, by the rule that fills the rollups; undefined when it adds nothing. */
export function countStoredEvent(row: StoredEventRow, metric: UsageMetric): CountedUsage | undefined {
  const amountMinor = row.amountMinor === null ? null : decimal(row.amountMinor)
  const properties = parseExactJson(row.properties) as Record<string, unknown>
  const event = { timestampMicros: microsOfInstant(row.timestamp), amountMinor, properties }
  return countReadEvent({ ...event, arrival: BigInt(row.arrival) }, metric)
}

/** What one event adds: to the sums, and as an event that prices may look at. */
export interface CountedUsage {
  readonly part: UsagePart
  readonly value: CountedValue
}

/** The same of an event whose code is that of the metric, wherever it comes from. */
export function countReadEvent(
  { arrival, ...event }: Omit<CountedValue, 'value'> & { readonly arrival: bigint },
  metric: UsageMetric,
): CountedUsage | undefined {
  const contribution = contributionOf({ code: metric.eventCode, ...event }, metric)
  if (!('value' in contribution)) return undefined
  const { value } = contribution
  // A distinct count's value is an item; what adds up is that there was one.
  const added = decimal(metric.aggregation === 'unique_count' ? '1' : value)
  return { part: partOfEvent(added, event.timestampMicros, arrival), value: { ...event, value } }
}
