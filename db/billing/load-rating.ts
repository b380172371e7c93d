import type { BillingPeriod } from '../../shared/calendar/billing-period.ts'
import type { InstantRange } from '../../shared/calendar/instant-range.ts'
import { type AttributableSubscription, attributedRanges } from '../../shared/invoicing/attribution.ts'
import type { ComponentUsage } from '../../shared/invoicing/components.ts'
import type { RatingInput } from '../../shared/invoicing/rate-subscription.ts'
import { ZERO } from '../../shared/money/decimal.ts'
import type { OrganizationTransaction } from '../connection.ts'
import { readUsage, type UsageMetric, type UsageQuestion } from '../usage/read-usage.ts'
import type { BilledSubscription } from './billed-subscriptions.ts'
import { listPlanComponents, type PlanComponent } from './plan-components.ts'

/** What is to be rated of a subscription. */
export interface RatingRequest {
  readonly subscription: Pick<BilledSubscription, 'id' | 'customerId' | 'externalId' | 'planVersionId' | 'currency'>
  readonly period: BillingPeriod | undefined
  readonly advancePeriod: BillingPeriod | undefined
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
  const questions = requests.flatMap((request, position) => {
    const components = componentsByVersion.get(request.subscription.planVersionId) ?? []
    const attributable = attributableOf(siblings.get(request.subscription.customerId) ?? [], componentsByVersion)
    return components.flatMap((component) => questionsOf(request, position, component, attributable))
  })
  const answers = await readUsage(transaction, organizationId, questions)
  const usage = requests.map(() => new Map<string, ComponentUsage>())
  for (const [index, { position, componentId }] of questions.entries()) {
    const sum = usage[position]?.get(componentId) ?? { units: ZERO, eventsCount: 0n }
    const answer = answers[index] ?? sum
    usage[position]?.set(componentId, {
      units: sum.units.plus(answer.units),
      eventsCount: sum.eventsCount + answer.eventsCount,
    })
  }
  return requests.map(({ subscription, period, advancePeriod }, position) => {
    const components = componentsByVersion.get(subscription.planVersionId) ?? []
    return {
      input: {
        currency: subscription.currency,
        period,
        advancePeriod,
        components: components.map(({ component }) => component),
        usage: usage[position] ?? new Map(),
      },
      components: new Map(components.map((component) => [component.component.id, component])),
    }
  })
}

interface ComponentQuestion extends UsageQuestion {
  readonly position: number
  readonly componentId: string
}

// A component asks for the usage that names its subscription, and for its share of what names only the customer.
function questionsOf(
  { subscription, period }: RatingRequest,
  position: number,
  { component, metric }: PlanComponent,
  siblings: readonly AttributableSubscription[],
): ComponentQuestion[] {
  if (metric === null || period === undefined) return []
  const ask = (externalSubscriptionId: string | null, { start, end }: InstantRange): ComponentQuestion => ({
    position,
    componentId: component.id,
    customerId: subscription.customerId,
    metric,
    externalSubscriptionId,
    start,
    end,
  })
  const shared = attributedRanges({
    subscriptions: siblings,
    subscriptionId: subscription.id,
    metricId: metric.id,
    period,
  })
  return [ask(subscription.externalId, period), ...shared.map((range) => ask(null, range))]
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
    .select(['id', 'customerId', 'planVersionId', 'startedAt', 'endedAt', 'ownEventsOnly'])
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
