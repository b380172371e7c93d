import type { BillingPeriod } from '../../shared/calendar/billing-period.ts'
import type { InstantRange } from '../../shared/calendar/instant-range.ts'
import { type CutWindow, windowsWithin } from '../../shared/calendar/windows.ts'
import { type AttributableSubscription, attributedRanges } from '../../shared/invoicing/attribution.ts'
import type { UsageComponent } from '../../shared/invoicing/components.ts'
import { aggregationOf } from '../../shared/metering/aggregations.ts'
import { neededUsage } from '../../shared/pricing/charge-models.ts'
import type { UsageMetric, UsageQuestion } from '../usage/usage-question.ts'

/** A question about the usage of one component of one rating. */
export interface ComponentQuestion extends UsageQuestion {
  /** Whether it asks for what was there before the period. */
  readonly carried: boolean
  /** The place of the window that it asks for; undefined where it asks for the whole period. */
  readonly window: number | undefined
}

/** Whose usage is asked for, when. */
export interface QuestionContext {
  readonly subscription: { readonly id: string; readonly customerId: number; readonly externalId: string }
  readonly period: BillingPeriod
  /** Every subscription of the customer. */
  readonly siblings: readonly AttributableSubscription[]
}

/**
 * What must be read to price a component: the usage that names its subscription, and its share of what names only the
 * customer; of a recurring metric also all that came before. Windows are asked for one by one where rollups answer.
 */
export function questionsOf(
  { subscription, period, siblings }: QuestionContext,
  { component, metric, windows, countsDistinct }: AskedComponent,
): ComponentQuestion[] {
  const { id: subscriptionId, customerId, externalId } = subscription
  const source = needsEvents(component) ? 'events' : aggregationOf(metric.aggregation).source
  const ask = ({ start, end }: InstantRange, about: Pick<ComponentQuestion, 'carried' | 'window' | 'source'>) => {
    const range = { start, end }
    const shared = attributedRanges({ subscriptions: siblings, subscriptionId, metricId: metric.id, period: range })
    const question = { customerId, metric, ...about }
    return [
      { ...question, externalSubscriptionId: externalId, ...range },
      ...shared.map((part) => ({ ...question, externalSubscriptionId: null, ...part })),
    ]
  }
  if (windows !== undefined && source === 'rollups') {
    return windows.flatMap((range, window) => ask(range, { carried: false, window, source }))
  }
  const mayCount = countsDistinct && metric.aggregation === 'unique_count' && windows === undefined
  const counted = (questions: ComponentQuestion[]) =>
    mayCount && !needsEvents(component) ? (asDistinct(questions) ?? questions) : questions
  const whole = ask(period, { carried: false, window: undefined, source })
  if (!metric.recurring) return counted(whole)
  const before = { start: BEGINNING, end: period.start }
  const ofAggregation = aggregationOf(metric.aggregation).source
  return counted([...ask(before, { carried: true, window: undefined, source: ofAggregation }), ...whole])
}

/**
 * The questions about distinct values, asked of counts; undefined where these cannot answer: whoever names the same
 * subscription must be asked for without a gap, because what was used before a gap may have been seen again within it.
 */
function asDistinct(questions: readonly ComponentQuestion[]): ComponentQuestion[] | undefined {
  const bySubscription = Map.groupBy(questions, ({ externalSubscriptionId }) => externalSubscriptionId)
  const distinct = [...bySubscription.values()].flatMap((ofOne) =>
    ofOne.map((question, place): ComponentQuestion | undefined => {
      const next = ofOne[place + 1]
      if (next !== undefined && !next.start.equals(question.end)) return undefined
      return { ...question, source: 'distinct', distinctUntil: next === undefined ? question.end : undefined }
    }),
  )
  return distinct.includes(undefined) ? undefined : (distinct as ComponentQuestion[])
}

/** A component, what it counts, and the windows that it prices by themselves. */
export interface AskedComponent {
  readonly component: UsageComponent
  readonly metric: UsageMetric
  readonly windows: readonly CutWindow[] | undefined
  /** Whether distinct values may be told from counts; else from events. */
  readonly countsDistinct: boolean
}

/** The windows that a component prices by themselves; undefined where it prices the period as a whole. */
export function windowsOf(
  { modifiers }: UsageComponent,
  period: BillingPeriod,
  timeZone: string,
): readonly CutWindow[] | undefined {
  return modifiers?.windows && windowsWithin(period, modifiers.windows.size, timeZone)
}

// A minute is a third of the smallest rollup and less: reading the events is cheaper than asking for every one.
function needsEvents({ charge, filters = [], modifiers }: UsageComponent): boolean {
  const charges = [charge, ...filters.map((filter) => filter.charge)]
  if (modifiers?.windows?.size === 'minute' || modifiers?.prorated === true) return true
  return charges.some((one) => neededUsage(one) === 'events')
}

// No event is older.
const BEGINNING = Temporal.Instant.from('2000-01-01T00:00:00Z')
