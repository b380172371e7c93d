import type { Connection, OrganizationTransaction } from '../connection.ts'
import { prepared } from '../prepared-statements.ts'
import { runPrepared } from '../run-prepared.ts'

/** Customers of one organization. */
export interface CustomersOfOrganization {
  readonly organizationId: number
  readonly customerIds: readonly number[]
}

/** Customers whose usage has changed since their mark was taken last, longest first, over all organizations. */
export async function listTouchedCustomers(
  connection: Connection,
  limit: number,
): Promise<readonly CustomersOfOrganization[]> {
  const rows = await connection
    .selectFrom('touchedCustomers')
    .select(['organizationId', 'customerId'])
    .orderBy('touchedAt')
    .limit(limit)
    .execute()
  return byOrganization(rows)
}

/** The same customers, a group per organization. */
export function byOrganization(
  rows: readonly { readonly organizationId: number; readonly customerId: number }[],
): readonly CustomersOfOrganization[] {
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
 * end of this transaction and then marks its customer anew, so nothing that takes long may follow.
 */
export async function takeTouchedCustomers(
  transaction: OrganizationTransaction,
  organizationId: number,
  customerIds: readonly number[],
): Promise<readonly TouchedCustomer[]> {
  const locked = await runPrepared<TouchedCustomer>(transaction, LOCK_MARKS, [organizationId, customerIds])
  if (locked.length === 0) return []
  await runPrepared(transaction, DELETE_MARKS, [organizationId, locked.map(({ customerId }) => customerId)])
  return locked
}

const LOCK_MARKS = prepared(
  `select customer_id, earliest_at from touched_customers
   where organization_id = $1 and customer_id = any ($2::integer[])
   order by customer_id for update`,
)

const DELETE_MARKS = prepared(
  `delete from touched_customers where organization_id = $1 and customer_id = any ($2::integer[])`,
)
