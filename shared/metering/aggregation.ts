import type { UsageEvent } from './usage-event.ts'

/** What one event adds to a metric, as decimal text; or why it cannot be counted. */
export type Contribution =
  | { readonly value: string }
  | { readonly reason: 'value_missing' | 'value_not_a_number'; readonly details: Readonly<Record<string, unknown>> }

/** How a billable metric turns events into units. Sums of contributions are the units, so they merge in any order. */
export interface Aggregation {
  /** Whether the metric must name a field of the properties. */
  readonly needsField: boolean
  contribution(event: Pick<UsageEvent, 'properties'>, fieldName: string | null): Contribution
}
