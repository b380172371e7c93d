import type { BillingPeriod } from '../../shared/calendar/billing-period.ts'
import { assert } from '../../shared/errors.ts'
import type { ComponentUsage } from '../../shared/invoicing/components.ts'
import { overriddenComponent } from '../../shared/invoicing/overridden-component.ts'
import type { RatingInput } from '../../shared/invoicing/rate-subscription.ts'
import type { RatedLine } from '../../shared/invoicing/rated-line.ts'
import type { FeePeriod } from '../../shared/invoicing/trial-periods.ts'
import type { PriceOverride } from '../../shared/subscriptions/price-overrides.ts'
import type { OrganizationTransaction } from '../connection.ts'
import type { UsageSlice } from '../usage/usage-question.ts'
import { attributableOf, listSiblings, type Sibling } from './attributable-subscriptions.ts'
import type { BilledSubscription } from './billed-subscriptions.ts'
import { type AskedComponent, type ComponentQuestion, questionsOf, windowsOf } from './component-questions.ts'
import { type AnsweredSlice, type MeasuredTime, measureComponent } from './measure-component.ts'
import { listPlanComponents, type PlanComponent } from './plan-components.ts'
import { type AskedQuestion, readAnswers } from './read-answers.ts'

/** What is to be rated of a subscription. */
export interface RatingRequest {
  readonly subscription: Pick<
    BilledSubscription,
    'id' | 'customerId' | 'externalId' | 'planVersionId' | 'currency' | 'timeZone' | 'priceOverrides'
  >
  /** The part of a period whose usage is billed. */
  readonly period: BillingPeriod | undefined
  /** The part of it that arrears fees are due for. */
  readonly feePeriod: FeePeriod | undefined
  readonly advancePeriod: FeePeriod | undefined
  /** Given for a period that is still running: what only its end makes due is left out. */
  readonly asOf?: Temporal.Instant
}

/** Everything the rating engine needs, and the components by id for writing its lines down. */
export interface LoadedRating {
  readonly input: RatingInput
  readonly components: ReadonlyMap<string, PlanComponent>
}

/** The component that a line was rated from. */
export function requireComponent(
  components: LoadedRating['components'],
  { componentId }: Pick<RatedLine, 'componentId'>,
): PlanComponent {
  const component = components.get(componentId)
  assert(component !== undefined, 'a line was rated from a component that was not loaded')
  return component
}

/** Loads prices and usage for many subscriptions in a handful of statements; in the order of the requests. */
export async function loadRatings(
  transaction: OrganizationTransaction,
  organizationId: number,
  requests: readonly RatingRequest[],
): Promise<readonly LoadedRating[]> {
  return ratingsOf(await loadUsage(transaction, organizationId, requests))
}

/** What ratings are made of: the requests, their prices, and the slices that answer their questions. */
export interface LoadedUsage {
  readonly requests: readonly RatingRequest[]
  readonly prices: LoadedPrices
  readonly asked: readonly AskedOfRequest[]
  readonly questions: readonly AskedQuestion[]
  /** Each says by its position which question it answers. */
  readonly slices: readonly UsageSlice[]
}

/** What is to be asked of usage, and not yet answered. */
export type AskedUsage = Omit<LoadedUsage, 'slices'>

/** Loads what ratings are made of, for who wants to rate it in more than one way; with events for who adds some. */
export async function loadUsage(
  transaction: OrganizationTransaction,
  organizationId: number,
  requests: readonly RatingRequest[],
  { addsEvents = false }: { readonly addsEvents?: boolean } = {},
): Promise<LoadedUsage> {
  const usage = await askUsage(transaction, organizationId, requests, { addsEvents })
  return { ...usage, ...(await readAnswers(transaction, organizationId, usage.asked, usage.questions)) }
}

/** The questions whose answers the ratings would be made of, for who wants to know what they ask. */
export async function askUsage(
  transaction: OrganizationTransaction,
  organizationId: number,
  requests: readonly RatingRequest[],
  { addsEvents = false }: { readonly addsEvents?: boolean } = {},
): Promise<AskedUsage> {
  const prices = await loadPrices(transaction, organizationId, requests)
  const asked = requests.flatMap((request, place) => askedComponents(request, { place, prices, addsEvents }))
  const questions = asked.flatMap((component, place) =>
    component.questions.map((question) => ({ ...question, asked: place })),
  )
  return { requests, prices, asked, questions }
}

/** The ratings of what was loaded, in the order of the requests. */
export function ratingsOf({ requests, prices, asked, questions, slices }: LoadedUsage): readonly LoadedRating[] {
  const answers = Map.groupBy(
    slices.flatMap((slice): AskedSlice[] => {
      const question = questions[slice.position]
      return question === undefined ? [] : [{ ...slice, ...pick(question) }]
    }),
    (slice) => slice.asked,
  )
  const usage = requests.map(() => new Map<string, readonly ComponentUsage[]>())
  asked.forEach(({ request, component, metric, time }, place) => {
    const measured = measureComponent(component, metric, { slices: answers.get(place) ?? [], time })
    usage[request]?.set(component.id, measured)
  })
  return requests.map((request, place) => ratingOf(request, componentsOf(request, prices), usage[place] ?? new Map()))
}

interface LoadedPrices {
  readonly components: ReadonlyMap<string, readonly PlanComponent[]>
  readonly siblings: ReadonlyMap<number, readonly Sibling[]>
}

async function loadPrices(
  transaction: OrganizationTransaction,
  organizationId: number,
  requests: readonly RatingRequest[],
): Promise<LoadedPrices> {
  const customerIds = [...new Set(requests.map(({ subscription }) => subscription.customerId))]
  const siblings = await listSiblings(transaction, organizationId, customerIds)
  const versions = new Set([...siblings.values()].flat().map((sibling) => sibling.planVersionId))
  return { siblings, components: await listPlanComponents(transaction, organizationId, [...versions]) }
}

interface AskedOfRequest extends AskedComponent {
  /** The place of the request. */
  readonly request: number
  readonly time: MeasuredTime
  readonly questions: readonly ComponentQuestion[]
}

function askedComponents(
  request: RatingRequest,
  { place, prices, addsEvents }: { place: number; prices: LoadedPrices; addsEvents: boolean },
): AskedOfRequest[] {
  const { subscription, period, asOf } = request
  const { timeZone } = subscription
  if (period === undefined) return []
  const siblings = attributableOf(prices.siblings.get(subscription.customerId) ?? [], prices.components)
  return componentsOf(request, prices).flatMap(({ component, metric, isRebuilding }) => {
    if (component.kind !== 'usage' || metric === null) return []
    const windows = windowsOf(component, period, timeZone)
    const asked = { component, metric, windows, countsDistinct: !addsEvents && !isRebuilding }
    const time = { period, timeZone, windows, asOf }
    return [{ ...asked, request: place, time, questions: questionsOf({ subscription, period, siblings }, asked) }]
  })
}

type AskedSlice = AnsweredSlice & Pick<AskedQuestion, 'asked'>

function pick({ asked, carried, window }: AskedQuestion) {
  return { asked, carried, window }
}

function ratingOf(
  { subscription, period, feePeriod, advancePeriod, asOf }: RatingRequest,
  components: readonly PlanComponent[],
  usage: RatingInput['usage'],
): LoadedRating {
  return {
    input: {
      currency: subscription.currency,
      period,
      feePeriod,
      advancePeriod,
      components: components.map(({ component }) => component),
      usage,
      isRunning: asOf !== undefined,
    },
    components: new Map(components.map((component) => [component.component.id, component])),
  }
}

function componentsOf({ subscription }: RatingRequest, { components }: LoadedPrices): PlanComponent[] {
  const planned = components.get(subscription.planVersionId) ?? []
  const overrides = new Map(subscription.priceOverrides.map((override) => [override.priceComponentId, override]))
  return planned.map((one) => withOverride(one, overrides.get(one.component.id)))
}

function withOverride(planned: PlanComponent, override: PriceOverride | undefined): PlanComponent {
  if (override === undefined) return planned
  return { ...planned, component: overriddenComponent(planned.component, override) }
}
