import { sql } from 'kysely'
import { AppError } from '../../shared/errors.ts'
import { parseExactJson } from '../../shared/json/exact-json.ts'
import type { ComponentDefinition, PlanDefinition } from '../../shared/plans/plan-definition.ts'
import type { OrganizationTransaction } from '../connection.ts'
import { announce } from '../outbox.ts'
import { type Page, type PageRequest, pageOf } from '../paging.ts'
import type { BillingInterval, ComponentKind, Timing } from '../schema.ts'

/** A plan as its newest published version says. */
export interface Plan {
  readonly id: string
  readonly code: string
  readonly name: string
  readonly description: string | null
  readonly archivedAt: Temporal.Instant | null
  readonly createdAt: Temporal.Instant
  readonly updatedAt: Temporal.Instant
  readonly versionId: string
  readonly version: number
  readonly interval: BillingInterval
  readonly currency: string
  readonly trialPeriodDays: number
  /** In the order of their position. */
  readonly components: readonly PriceComponent[]
}

/** One part of what a plan costs, with its price. */
export interface PriceComponent {
  readonly id: string
  readonly kind: ComponentKind
  readonly name: string
  readonly timing: Timing
  readonly billableMetricId: string | null
  readonly billableMetricCode: string | null
  readonly priceId: string
  readonly chargeModel: string | null
  readonly properties: Readonly<Record<string, unknown>>
  /** Minor units, as text; null for components that have a charge model. */
  readonly amountMinor: string | null
  readonly createdAt: Temporal.Instant
  readonly updatedAt: Temporal.Instant
}

/** Creates a plan with its first version, published at once. */
export async function insertPlan(
  transaction: OrganizationTransaction,
  organizationId: number,
  definition: PlanDefinition,
): Promise<Plan> {
  const { code, name, description } = definition
  const plan = await transaction
    .insertInto('plans')
    .values({ organizationId, code, name, description })
    .onConflict((conflict) => conflict.columns(['organizationId', 'code']).doNothing())
    .returning('id')
    .executeTakeFirst()
  if (plan === undefined) throw new AppError('plan_exists', `a plan with the code "${code}" exists already`)
  const version = await transaction
    .insertInto('planVersions')
    .values({
      organizationId,
      planId: plan.id,
      version: 1,
      billingInterval: definition.interval,
      currency: definition.currency,
      trialPeriodDays: definition.trialPeriodDays,
      publishedAt: sql`now()`,
    })
    .returning('id')
    .executeTakeFirstOrThrow()
  await insertComponents(transaction, { organizationId, planVersionId: version.id }, definition.components)
  await announce(transaction, { organizationId, topic: 'plan.created', payload: { plan_id: plan.id } })
  return await requirePlan(transaction, organizationId, code)
}

/** The plan of a code; archived ones are there to be read until the end of time. */
export async function requirePlan(
  transaction: OrganizationTransaction,
  organizationId: number,
  code: string,
): Promise<Plan> {
  const row = await selectPlans(transaction, organizationId).where('p.code', '=', code).executeTakeFirst()
  if (row === undefined) throw new AppError('plan_not_found', `no plan has the code "${code}"`)
  const [plan] = await withComponents(transaction, organizationId, [row])
  return plan as Plan
}

/** Plans that are not archived, newest first. */
export async function listPlans(
  transaction: OrganizationTransaction,
  organizationId: number,
  { limit, after }: PageRequest,
): Promise<Page<Plan>> {
  const rows = await selectPlans(transaction, organizationId)
    .where('p.archivedAt', 'is', null)
    .$if(after !== undefined, (query) => query.where('p.id', '<', after ?? ''))
    .orderBy('p.id', 'desc')
    .limit(limit + 1)
    .execute()
  return pageOf(await withComponents(transaction, organizationId, rows), limit, (plan) => plan.id)
}

/** Takes a plan out of sale; its subscriptions go on and its code stays taken. The second time changes nothing. */
export async function archivePlan(
  transaction: OrganizationTransaction,
  organizationId: number,
  code: string,
): Promise<void> {
  const plan = await requirePlan(transaction, organizationId, code)
  const archived = await transaction
    .updateTable('plans')
    .set({ archivedAt: sql`now()`, updatedAt: sql`now()` })
    .where('organizationId', '=', organizationId)
    .where('id', '=', plan.id)
    .where('archivedAt', 'is', null)
    .returning('id')
    .executeTakeFirst()
  if (archived === undefined) return
  await announce(transaction, { organizationId, topic: 'plan.archived', payload: { plan_id: plan.id } })
}

async function insertComponents(
  transaction: OrganizationTransaction,
  { organizationId, planVersionId }: { organizationId: number; planVersionId: string },
  components: readonly ComponentDefinition[],
): Promise<void> {
  const rows = await transaction
    .insertInto('priceComponents')
    .values(
      components.map(({ kind, name, timing, billableMetricId }, position) => ({
        organizationId,
        planVersionId,
        position,
        kind,
        name,
        timing,
        billableMetricId,
      })),
    )
    .returning(['id', 'position'])
    .execute()
  const idByPosition = new Map(rows.map((row) => [row.position, row.id]))
  await transaction
    .insertInto('prices')
    .values(
      components.map(({ price }, position) => ({
        organizationId,
        priceComponentId: idByPosition.get(position) as string,
        chargeModel: price.chargeModel,
        properties: JSON.stringify(price.properties),
        amountMinor: price.amountMinor,
      })),
    )
    .execute()
}

type PlanRow = Omit<Plan, 'components'>

function selectPlans(transaction: OrganizationTransaction, organizationId: number) {
  return transaction
    .selectFrom('plans as p')
    .innerJoin('planVersions as v', (join) =>
      join.onRef('v.planId', '=', 'p.id').on('v.version', '=', newestPublishedVersion()),
    )
    .select([
      'p.id',
      'p.code',
      'p.name',
      'p.description',
      'p.archivedAt',
      'p.createdAt',
      'p.updatedAt',
      'v.id as versionId',
      'v.version',
      'v.billingInterval as interval',
      'v.currency',
      'v.trialPeriodDays',
    ])
    .where('p.organizationId', '=', organizationId)
}

function newestPublishedVersion() {
  return sql<number>`(select max(version) from plan_versions where plan_id = p.id and published_at is not null)`
}

async function withComponents(
  transaction: OrganizationTransaction,
  organizationId: number,
  plans: readonly PlanRow[],
): Promise<readonly Plan[]> {
  const rows = await selectComponents(
    transaction,
    organizationId,
    plans.map((plan) => plan.versionId),
  )
  const byVersion = Map.groupBy(rows, (row) => row.planVersionId)
  return plans.map((plan) => ({ ...plan, components: byVersion.get(plan.versionId) ?? [] }))
}

async function selectComponents(
  transaction: OrganizationTransaction,
  organizationId: number,
  planVersionIds: readonly string[],
): Promise<readonly (PriceComponent & { readonly planVersionId: string })[]> {
  if (planVersionIds.length === 0) return []
  const rows = await transaction
    .selectFrom('priceComponents as c')
    .innerJoin('prices as price', 'price.priceComponentId', 'c.id')
    .leftJoin('billableMetrics as m', 'm.id', 'c.billableMetricId')
    .select(COMPONENT_COLUMNS)
    .where('c.organizationId', '=', organizationId)
    .where('c.planVersionId', 'in', [...planVersionIds])
    .orderBy('c.planVersionId')
    .orderBy('c.position')
    .execute()
  return rows.map(({ properties, ...row }) => ({
    ...row,
    properties: parseExactJson(properties) as Record<string, unknown>,
  }))
}

const COMPONENT_COLUMNS = [
  'c.planVersionId',
  'c.id',
  'c.kind',
  'c.name',
  'c.timing',
  'c.billableMetricId',
  'm.code as billableMetricCode',
  'price.id as priceId',
  'price.chargeModel',
  // As text, so that a number in it is not read through a double.
  sql<string>`price.properties::text`.as('properties'),
  'price.amountMinor',
  'c.createdAt',
  'c.updatedAt',
] as const
