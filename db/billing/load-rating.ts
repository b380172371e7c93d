import type { BillingPeriod } from '../../shared/calendar/billing-period.ts'
import type { InstantRange } from '../../shared/calendar/instant-range.ts'
import { assert } from '../../shared/errors.ts'
import { type AttributableSubscription, attributedRanges } from '../../shared/invoicing/attribution.ts'
import type { ComponentUsage } from '../../shared/invoicing/components.ts'
import { overriddenComponent } from '../../shared/invoicing/overridden-component.ts'
import type { RatingInput } from '../../shared/invoicing/rate-subscription.ts'
import type { FeePeriod } from '../../shared/invoicing/trial-periods.ts'
import type { UsageWindow } from '../../shared/metering/aggregation.ts'
import { aggregationOf } from '../../shared/metering/aggregations.ts'
import { measureUsage } from '../../shared/metering/measure-usage.ts'
import { microsOfInstant } from '../../shared/metering/timestamp.ts'
import type { PriceOverride } from '../../shared/subscriptions/price-overrides.ts'
import type { OrganizationTransaction } from '../connection.ts'
import { listPriceOverrides } from '../subscriptions/price-overrides.ts'
import { readUsage } from '../usage/read-usage.ts'
import type { UsageMetric, UsageQuestion, UsageSlice } from '../usage/usage-question.ts'
import type { BilledSubscription } from './billed-subscriptions.ts'
import { listPlanComponents, type PlanComponent } from './plan-components.ts'

/** What is to be rated of a subscription. */
export interface RatingRequest {
  readonly subscription: Pick<BilledSubscription, 'id' | 'customerId' | 'externalId' | 'planVersionId' | 'currency'>
  /** The part of a period whose usage is billed. */
  readonly period: BillingPeriod | undefined
  /** The part of it that arrears fees are due for. */
  readonly feePeriod: FeePeriod | undefined
  readonly advancePeriod: FeePeriod | undefined
}

/** Everything the rating engine needs, and the components by id for writing its lines down. */
export interface LoadedRating {
  readonly input: RatingInput
  readonly components: ReadonlyMap<string, PlanComponent>
}

/** Loads prices and usage for many subscriptions in a handful of statements; in the order of the requests. */
export async function loadRatings(
  transaction: OrganizationTransaction,
  organizationId: number,
  requests: readonly RatingRequest[],
): Promise<readonly LoadedRating[]> {
  const siblings = await listSiblings(transaction, organizationId, requests)
  const versions = new Set([...siblings.values()].flat().map((sibling) => sibling.planVersionId))
  const componentsByVersion = await listPlanComponents(transaction, organizationId, [...versions])
  const subscriptionIds = requests.map(({ subscription }) => subscription.id)
  const overrides = await listPriceOverrides(transaction, organizationId, subscriptionIds)
  const questions = requests.flatMap((request, position) => {
    const components = componentsByVersion.get(request.subscription.planVersionId) ?? []
    const attributable = attributableOf(siblings.get(request.subscription.customerId) ?? [], componentsByVersion)
    return components.flatMap((component) => questionsOf(request, position, component, attributable))
  })
  const slices = Map.groupBy(await readUsage(transaction, organizationId, questions), ({ position }) => position)
  const answers = questions.map((question, position) => ({ ...question, slices: slices.get(position) ?? [] }))
  const answersByRequest = Map.groupBy(answers, ({ request }) => request)
  return requests.map(({ subscription, period, feePeriod, advancePeriod }, position) => {
    const planned = componentsByVersion.get(subscription.planVersionId) ?? []
    const components = withOverrides(planned, overrides.get(subscription.id))
    return {
      input: {
        currency: subscription.currency,
        period,
        feePeriod,
        advancePeriod,
        components: components.map(({ component }) => component),
        usage: measureComponents(period, answersByRequest.get(position) ?? []),
      },
      components: new Map(components.map((component) => [component.component.id, component])),
    }
  })
}

function withOverrides(
  components: readonly PlanComponent[],
  overrides: ReadonlyMap<string, PriceOverride> | undefined,
): readonly PlanComponent[] {
  if (overrides === undefined) return components
  return components.map((planned) => {
    const override = overrides.get(planned.component.id)
    return override === undefined
      ? planned
      : { ...planned, component: overriddenComponent(planned.component, override) }
  })
}

interface ComponentQuestion extends UsageQuestion {
  /** The place of the request. */
  readonly request: number
  readonly componentId: string
  /** Whether it asks for what was there before the period. */
  readonly carried: boolean
}

// A component asks for the usage that names its subscription, and for its share of what names only the customer; of a
// recurring metric also for all that came before.
function questionsOf(
  { subscription, period }: RatingRequest,
  request: number,
  { component, metric }: PlanComponent,
  siblings: readonly AttributableSubscription[],
): ComponentQuestion[] {
  if (metric === null || period === undefined) return []
  const { source } = aggregationOf(metric.aggregation)
  const { id: subscriptionId, customerId, externalId } = subscription
  const ask = (window: InstantRange, carried: boolean): ComponentQuestion[] => {
    const about = { request, componentId: component.id, customerId, metric, source, carried }
    const shared = attributedRanges({ subscriptions: siblings, subscriptionId, metricId: metric.id, period: window })
    return [
      { ...about, externalSubscriptionId: externalId, start: window.start, end: window.end },
      ...shared.map(({ start, end }) => ({ ...about, externalSubscriptionId: null, start, end })),
    ]
  }
  return [...(metric.recurring ? ask({ start: BEGINNING, end: period.start }, true) : []), ...ask(period, false)]
}

// No event is older.
const BEGINNING = Temporal.Instant.from('2000-01-01T00:00:00Z')

type Answer = ComponentQuestion & { readonly slices: readonly UsageSlice[] }

function measureComponents(
  period: BillingPeriod | undefined,
  answers: readonly Answer[],
): ReadonlyMap<string, ComponentUsage> {
  if (period === undefined) return new Map()
  const window = {
    startMicros: microsOfInstant(period.start),
    endMicros: microsOfInstant(period.end),
    periodMicros: microsOfInstant(period.periodEnd) - microsOfInstant(period.periodStart),
  }
  return new Map(
    [...Map.groupBy(answers, ({ componentId }) => componentId)].map(([componentId, ofComponent]) => [
      componentId,
      measureComponent(ofComponent, window),
    ]),
  )
}

function measureComponent(answers: readonly Answer[], window: UsageWindow): ComponentUsage {
  const metric = answers[0]?.metric
  assert(metric !== undefined, 'a component was measured without a question')
  const slicesOf = (carried: boolean) =>
    answers.filter((answer) => answer.carried === carried).flatMap(({ slices }) => slices)
  const events = [...slicesOf(true), ...slicesOf(false)].flatMap((slice) => slice.events)
  const usage = {
    parts: slicesOf(false).map(({ part }) => part),
    carried: slicesOf(true).map(({ part }) => part),
    // What names the subscription and what does not come from two questions.
    events: events.sort((left, right) => left.timestampMicros - right.timestampMicros),
  }
  return measureUsage(metric, usage, window)
}

type Sibling = Awaited<ReturnType<typeof selectSiblings>>[number]

async function listSiblings(
  transaction: OrganizationTransaction,
  organizationId: number,
  requests: readonly RatingRequest[],
): Promise<ReadonlyMap<number, readonly Sibling[]>> {
  const customerIds = [...new Set(requests.map(({ subscription }) => subscription.customerId))]
  if (customerIds.length === 0) return new Map()
  return Map.groupBy(await selectSiblings(transaction, organizationId, customerIds), (sibling) => sibling.customerId)
}

// A subscription that was cancelled before it started never had a life to be billed for.
async function selectSiblings(
  transaction: OrganizationTransaction,
  organizationId: number,
  customerIds: readonly number[],
) {
  return await transaction
    .selectFrom('subscriptions')
    .select(['id', 'customerId', 'planVersionId', 'startedAt', 'endedAt', 'enteredAt', 'ownEventsOnly'])
    .where('organizationId', '=', organizationId)
    .where('customerId', 'in', customerIds)
    .where((where) => where.or([where('endedAt', 'is', null), where('endedAt', '>', where.ref('startedAt'))]))
    .execute()
}

function attributableOf(
  siblings: readonly Sibling[],
  components: ReadonlyMap<string, readonly PlanComponent[]>,
): AttributableSubscription[] {
  return siblings.map((sibling) => ({
    ...sibling,
    chargedMetricIds: new Set(
      (components.get(sibling.planVersionId) ?? [])
        .map(({ metric }) => metric)
        .filter((metric): metric is UsageMetric => metric !== null)
        .map((metric) => metric.id),
    ),
  }))
}
