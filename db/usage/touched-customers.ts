import type { Connection, OrganizationTransaction } from '../connection.ts'

/** Customers whose usage changed since it was priced, longest first, over all organizations, a group per organization. */
export async function listTouchedCustomers(
  connection: Connection,
  limit: number,
): Promise<{ organizationId: number; customerIds: number[] }[]> {
  const rows = await connection
    .selectFrom('touchedCustomers')
    .select(['organizationId', 'customerId'])
    .orderBy('touchedAt')
    .limit(limit)
    .execute()
  return [...Map.groupBy(rows, (row) => row.organizationId)].map(([organizationId, group]) => ({
    organizationId,
    customerIds: group.map((row) => row.customerId),
  }))
}

/**
 * Takes the marks away, locked in the order in which ingestion locks them. Usage that is being committed waits for the
 * end of this transaction and then marks its customer anew.
 */
export async function takeTouchedCustomers(
  transaction: OrganizationTransaction,
  organizationId: number,
  customerIds: readonly number[],
): Promise<number[]> {
  const locked = await transaction
    .selectFrom('touchedCustomers')
    .select('customerId')
    .where('organizationId', '=', organizationId)
    .where('customerId', 'in', customerIds)
    .orderBy('customerId')
    .forUpdate()
    .execute()
  const taken = locked.map((row) => row.customerId)
  if (taken.length === 0) return []
  await transaction
    .deleteFrom('touchedCustomers')
    .where('organizationId', '=', organizationId)
    .where('customerId', 'in', taken)
    .execute()
  return taken
}
