import { sql } from 'kysely'
import type { OrganizationTransaction } from '../connection.ts'

/**
 * Gives customers or agents that nobody has named before their rows. A customer who is named before registration gets
 * one as usage gives it; registering later keeps it. Transactions that name the same ones wait for each other in a row.
 */
export async function nameParties(
  transaction: OrganizationTransaction,
  table: 'agents' | 'customers',
  organizationId: number,
  externalIds: readonly string[],
): Promise<void> {
  if (externalIds.length === 0) return
  await sql`
    insert into ${sql.table(table)} (organization_id, external_id)
    select ${organizationId}, named.external_id from unnest(${externalIds}::text[]) as named (external_id)
    where not exists (select from ${sql.table(table)} known
      where known.organization_id = ${organizationId} and known.external_id = named.external_id)
    order by 2
    on conflict do nothing`.execute(transaction)
}
