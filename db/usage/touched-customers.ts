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

/** A mark of changed usage. */
export interface TouchedCustomer {
  readonly customerId: number
  /** Since when usage has changed; null on a mark from before marks told. */
  readonly earliestAt: Temporal.Instant | null
}

/**
 * Takes the marks away, locked in the order in which ingestion locks them. Usage that is being committed waits for the
 * end of this transaction and then marks its customer anew.
 */
export async function takeTouchedCustomers(
  transaction: OrganizationTransaction,
  organizationId: number,
  customerIds: readonly number[],
): Promise<TouchedCustomer[]> {
  const locked = await transaction
    .selectFrom('touchedCustomers')
    .select(['customerId', 'earliestAt'])
    .where('organizationId', '=', organizationId)
    .where('customerId', 'in', customerIds)
    .orderBy('customerId')
    .forUpdate()
    .execute()
  if (locked.length === 0) return []
  await transaction
    .deleteFrom('touchedCustomers')
    .where('organizationId', '=', organizationId)
    .where(
      'customerId',
      'in',
      locked.map(({ customerId }) => customerId),
    )
    .execute()
  return locked
}
