import { sql } from 'kysely'
import type { Interval, NamedInterval } from '../../shared/calendar/interval.ts'
import { AppError } from '../../shared/errors.ts'
import type { VersionDefinition } from '../../shared/plans/plan-definition.ts'
import type { TrialKind, TrialUsage } from '../../shared/subscriptions/trial.ts'
import type { OrganizationTransaction } from '../connection.ts'
import { type Page, pageOf } from '../paging.ts'
import { insertPriceComponents, listPriceComponents, type PriceComponent } from './price-components.ts'

/** The terms of a plan, as a subscription buys them. */
export interface PlanVersion {
  readonly versionId: string
  readonly version: number
  readonly interval: Interval
  /** The word given beside an interval without a name of its own; null beside others. */
  readonly intervalName: NamedInterval | null
  readonly currency: string
  readonly trialPeriodDays: number
  readonly trialKind: TrialKind
  readonly trialUsage: TrialUsage
  /** Null: a draft. The version that was published last is the one sold. */
  readonly publishedAt: Temporal.Instant | null
  readonly versionCreatedAt: Temporal.Instant
  /** In the order of their position. */
  readonly components: readonly PriceComponent[]
}

/** What of a version stands in its own row; for queries over `plan_versions as v`. */
export const VERSION_COLUMNS = [
  'v.id as versionId',
  'v.version',
  'v.billingInterval as interval',
  'v.intervalName',
  'v.currency',
  'v.trialPeriodDays',
  'v.trialKind',
  'v.trialUsage',
  'v.publishedAt',
  'v.createdAt as versionCreatedAt',
] as const

type VersionRow = Omit<PlanVersion, 'components'>

interface OfPlan {
  readonly organizationId: number
  readonly planId: string
}

/**
 * Adds a version with the next number. The caller holds the plan's row, so that numbers have no gap and no two versions
 * are published at the same instant.
 */
export async function insertVersion(
  transaction: OrganizationTransaction,
  { organizationId, planId }: OfPlan,
  { definition, published }: { definition: VersionDefinition; published: boolean },
): Promise<number> {
  const { id, version } = await transaction
    .insertInto('planVersions')
    .values({
      organizationId,
      planId,
      version: sql<number>`(select coalesce(max(version), 0) + 1 from plan_versions where plan_id = ${planId})`,
      billingInterval: definition.interval,
      intervalName: definition.intervalName,
      currency: definition.currency,
      trialPeriodDays: definition.trialPeriodDays,
      trialKind: definition.trialKind,
      trialUsage: definition.trialUsage,
      publishedAt: published ? sql`clock_timestamp()` : null,
    })
    .returning(['id', 'version'])
    .executeTakeFirstOrThrow()
  await insertPriceComponents(transaction, { organizationId, planVersionId: id }, definition.components)
  return version
}

/** Makes a version the one that is sold. Answers whether it was a draft until now. */
export async function publishVersion(
  transaction: OrganizationTransaction,
  { organizationId, planId }: OfPlan,
  version: number,
): Promise<boolean> {
  const published = await transaction
    .updateTable('planVersions')
    .set({ publishedAt: sql`clock_timestamp()` })
    .where('organizationId', '=', organizationId)
    .where('planId', '=', planId)
    .where('version', '=', version)
    .where('publishedAt', 'is', null)
    .returning('id')
    .executeTakeFirst()
  return published !== undefined
}

export async function requireVersion(
  transaction: OrganizationTransaction,
  ofPlan: OfPlan,
  version: number,
): Promise<PlanVersion> {
  const row = await selectVersions(transaction, ofPlan).where('v.version', '=', version).executeTakeFirst()
  if (row === undefined) throw new AppError('plan_version_not_found', `the plan has no version ${version}`)
  const [found] = await withComponents(transaction, ofPlan.organizationId, [row])
  return found as PlanVersion
}

/** All versions, drafts included, newest first. */
export async function listVersions(
  transaction: OrganizationTransaction,
  ofPlan: OfPlan,
  { limit, after }: { limit: number; after: string | undefined },
): Promise<Page<PlanVersion>> {
  const rows = await selectVersions(transaction, ofPlan)
    .$if(after !== undefined, (query) => query.where('v.id', '<', after ?? ''))
    .orderBy('v.id', 'desc')
    .limit(limit + 1)
    .execute()
  return pageOf(await withComponents(transaction, ofPlan.organizationId, rows), limit, (row) => row.versionId)
}

/** Rows that contain a version's columns, with the components of the version. */
export async function withComponents<Row extends Pick<PlanVersion, 'versionId'>>(
  transaction: OrganizationTransaction,
  organizationId: number,
  rows: readonly Row[],
): Promise<readonly (Row & Pick<PlanVersion, 'components'>)[]> {
  const versionIds = rows.map((row) => row.versionId)
  const components = await listPriceComponents(transaction, organizationId, versionIds)
  return rows.map((row) => ({ ...row, components: components.get(row.versionId) ?? [] }))
}

function selectVersions(transaction: OrganizationTransaction, { organizationId, planId }: OfPlan) {
  return transaction
    .selectFrom('planVersions as v')
    .select(VERSION_COLUMNS)
    .where('v.organizationId', '=', organizationId)
    .where('v.planId', '=', planId)
    .$castTo<VersionRow>()
}
