import { sql } from 'kysely'
import { AppError } from '../../shared/errors.ts'
import type { LateUsagePolicy } from '../../shared/invoicing/late-usage-policy.ts'
import type { PlanDefinition } from '../../shared/plans/plan-definition.ts'
import type { OrganizationTransaction } from '../connection.ts'
import { announce } from '../outbox.ts'
import { newestFirst, type Page, type PageRequest } from '../paging.ts'
import { insertVersion, type PlanVersion, VERSION_COLUMNS, withComponents } from './plan-versions.ts'

/** A plan as the version says that is sold: the one published last. */
export interface Plan extends PlanVersion {
  readonly id: string
  readonly code: string
  readonly name: string
  readonly description: string | null
  /** Null: what the organization says. */
  readonly lateUsage: LateUsagePolicy | null
  readonly archivedAt: Temporal.Instant | null
  readonly createdAt: Temporal.Instant
  readonly updatedAt: Temporal.Instant
}

/** Creates a plan with its first version, published at once. */
export async function insertPlan(
  transaction: OrganizationTransaction,
  organizationId: number,
  definition: PlanDefinition,
): Promise<Plan> {
  const { code, name, description, lateUsage } = definition
  const plan = await transaction
    .insertInto('plans')
    .values({ organizationId, code, name, description, lateUsage })
    .onConflict((conflict) => conflict.columns(['organizationId', 'code']).doNothing())
    .returning('id')
    .executeTakeFirst()
  if (plan === undefined) throw new AppError('plan_exists', `a plan with the code "${code}" exists already`)
  await insertVersion(transaction, { organizationId, planId: plan.id }, { definition, published: true })
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
  page: PageRequest,
): Promise<Page<Plan>> {
  const query = selectPlans(transaction, organizationId).where('p.archivedAt', 'is', null)
  const { rows, next } = await newestFirst(query, page, 'p.id')
  return { rows: await withComponents(transaction, organizationId, rows), next }
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

function selectPlans(transaction: OrganizationTransaction, organizationId: number) {
  return transaction
    .selectFrom('plans as p')
    .innerJoin('planVersions as v', (join) => join.onRef('v.planId', '=', 'p.id').on('v.id', '=', soldVersion()))
    .select(['p.id', 'p.code', 'p.name', 'p.description', 'p.lateUsage', 'p.archivedAt', 'p.createdAt', 'p.updatedAt'])
    .select(VERSION_COLUMNS)
    .where('p.organizationId', '=', organizationId)
}

function soldVersion() {
  return sql<string>`(
    select id from plan_versions where plan_id = p.id and published_at is not null
    order by published_at desc, version desc limit 1)`
}
