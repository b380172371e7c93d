import { sql } from 'kysely'
import { AppError } from '../../shared/errors.ts'
import type { LateUsagePolicy } from '../../shared/invoicing/late-usage-policy.ts'
import { definePlan, defineVersion } from '../../shared/plans/define-plan.ts'
import type { PlanRequest, PlanTerms } from '../../shared/plans/plan-request.ts'
import { reconsiderNotes } from '../billing/reconsidered-notes.ts'
import type { OrganizationTransaction } from '../connection.ts'
import { announce } from '../outbox.ts'
import { requireDimensions } from '../usage/metric-dimensions.ts'
import { findChargeableMetrics } from './chargeable-metrics.ts'
import { areSameTerms, termsOf } from './plan-terms.ts'
import { insertVersion, type PlanVersion, publishVersion, requireVersion } from './plan-versions.ts'
import { insertPlan, type Plan, requirePlan } from './plans.ts'

/** A change of terms: gets those that are sold and answers those that shall be. */
export type TermsChange = (sold: PlanTerms) => PlanTerms

export interface PlanChange {
  readonly name: string | undefined
  readonly description: string | null | undefined
  /** For running subscriptions as well: it is no part of the terms. */
  readonly lateUsage: LateUsagePolicy | null | undefined
  readonly terms: TermsChange
}

/** Defines a plan and its first version. */
export async function createPlan(
  transaction: OrganizationTransaction,
  organizationId: number,
  request: PlanRequest,
): Promise<Plan> {
  const metrics = await findChargeableMetrics(transaction, organizationId, request.charges)
  const definition = definePlan(request, metrics)
  await requireDimensions(transaction, organizationId, definition.dimensions)
  return await insertPlan(transaction, organizationId, definition)
}

/**
 * Renames a plan, and publishes a new version when its terms change: subscriptions that run keep the version they have.
 * The same change made twice makes one version.
 */
export async function changePlan(
  transaction: OrganizationTransaction,
  organizationId: number,
  code: string,
  { name, description, lateUsage, terms }: PlanChange,
): Promise<Plan> {
  const plan = await lockPlan(transaction, organizationId, code)
  const named = {
    name: name ?? plan.name,
    description: description === undefined ? plan.description : description,
    lateUsage: lateUsage === undefined ? plan.lateUsage : lateUsage,
  }
  const sold = termsOf(plan)
  const changed = terms(sold)
  if (!areSameTerms(sold, changed)) {
    await addVersion(transaction, organizationId, { plan: { ...plan, ...named }, terms: changed, published: true })
  }
  await updateNames(transaction, organizationId, plan.id, named)
  if (named.lateUsage !== plan.lateUsage) await reconsiderNotes(transaction, organizationId, { planId: plan.id })
  await announce(transaction, { organizationId, topic: 'plan.updated', payload: { plan_id: plan.id } })
  return await requirePlan(transaction, organizationId, code)
}

/** Adds a version that is not sold yet, starting from the terms that are. */
export async function draftVersion(
  transaction: OrganizationTransaction,
  organizationId: number,
  { code, terms }: { code: string; terms: TermsChange },
): Promise<{ plan: Plan; version: PlanVersion }> {
  const plan = await lockPlan(transaction, organizationId, code)
  const changed = terms(termsOf(plan))
  const number = await addVersion(transaction, organizationId, { plan, terms: changed, published: false })
  const version = await requireVersion(transaction, { organizationId, planId: plan.id }, number)
  return { plan, version }
}

/** Makes a draft the version that is sold from now on; a version that was published before stays as it is. */
export async function publishDraft(
  transaction: OrganizationTransaction,
  organizationId: number,
  { code, version: number }: { code: string; version: number },
): Promise<{ plan: Plan; version: PlanVersion }> {
  const plan = await lockPlan(transaction, organizationId, code)
  const ofPlan = { organizationId, planId: plan.id }
  const draft = await requireVersion(transaction, ofPlan, number)
  if (draft.publishedAt === null) requireOnSale(plan)
  if (await publishVersion(transaction, ofPlan, number)) {
    await announce(transaction, { organizationId, topic: 'plan.updated', payload: { plan_id: plan.id } })
  }
  return { plan, version: await requireVersion(transaction, ofPlan, number) }
}

async function addVersion(
  transaction: OrganizationTransaction,
  organizationId: number,
  { plan, terms, published }: { plan: Plan; terms: PlanTerms; published: boolean },
): Promise<number> {
  requireOnSale(plan)
  const metrics = await findChargeableMetrics(transaction, organizationId, terms.charges)
  const definition = defineVersion(plan.name, terms, metrics)
  await requireDimensions(transaction, organizationId, definition.dimensions)
  return await insertVersion(transaction, { organizationId, planId: plan.id }, { definition, published })
}

function requireOnSale({ code, archivedAt }: Plan): void {
  if (archivedAt === null) return
  throw new AppError('plan_archived', `the plan "${code}" is archived and takes no new versions`)
}

// Versions of one plan are numbered and published one after the other.
async function lockPlan(transaction: OrganizationTransaction, organizationId: number, code: string): Promise<Plan> {
  await transaction
    .selectFrom('plans')
    .select('id')
    .where('organizationId', '=', organizationId)
    .where('code', '=', code)
    .forUpdate()
    .execute()
  return await requirePlan(transaction, organizationId, code)
}

async function updateNames(
  transaction: OrganizationTransaction,
  organizationId: number,
  planId: string,
  names: Pick<Plan, 'name' | 'description' | 'lateUsage'>,
): Promise<void> {
  await transaction
    .updateTable('plans')
    .set({ ...names, updatedAt: sql`now()` })
    .where('organizationId', '=', organizationId)
    .where('id', '=', planId)
    .execute()
}
