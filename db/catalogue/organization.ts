import type { Selectable } from 'kysely'
import { assert } from '../../shared/errors.ts'
import type { LateUsagePolicy } from '../../shared/invoicing/late-usage-policy.ts'
import { reconsiderNotes } from '../billing/reconsidered-notes.ts'
import type { OrganizationTransaction } from '../connection.ts'
import type { Database } from '../schema.ts'

export type Organization = Selectable<Database['organizations']> & { readonly testClockId: string | null }

/** The organization of the transaction, with its test clock if it has one. */
export async function requireOrganization(
  transaction: OrganizationTransaction,
  organizationId: number,
): Promise<Organization> {
  const organization = await transaction
    .selectFrom('organizations as o')
    .leftJoin('testClocks as c', 'c.organizationId', 'o.organizationId')
    .select(['o.organizationId', 'o.id', 'o.name', 'o.currency', 'o.timeZone', 'o.lateUsage', 'o.createdAt'])
    .select('c.id as testClockId')
    .where('o.organizationId', '=', organizationId)
    .executeTakeFirst()
  assert(organization !== undefined, `organization ${organizationId} is gone while its key works`)
  return organization
}

/** What of an organization may change; absent fields stay. */
export interface OrganizationChanges {
  readonly name?: string
  readonly currency?: string
  readonly timeZone?: string
  readonly lateUsage?: LateUsagePolicy
}

/** A new zone holds for what is created from now on; subscriptions keep the one they were created with. */
export async function updateOrganization(
  transaction: OrganizationTransaction,
  organizationId: number,
  changes: OrganizationChanges,
): Promise<void> {
  if (Object.keys(changes).length === 0) return
  await transaction.updateTable('organizations').set(changes).where('organizationId', '=', organizationId).execute()
  if (changes.lateUsage === 'note') await reconsiderNotes(transaction, organizationId, 'all')
}

/**
 * Keeps the organization from changing between a real clock and a test clock until the transaction ends. Subscriptions
 * take `shared`, which they do side by side; creating the clock takes `alone`.
 */
export async function lockOrganizationClock(
  transaction: OrganizationTransaction,
  organizationId: number,
  mode: 'shared' | 'alone',
): Promise<void> {
  const query = transaction.selectFrom('organizations').select('id').where('organizationId', '=', organizationId)
  await (mode === 'alone' ? query.forUpdate() : query.forKeyShare()).execute()
}
