import type { Connection, OrganizationTransaction } from '../connection.ts'
import { prepared } from '../prepared-statements.ts'
import { runPrepared } from '../run-prepared.ts'
import { byOrganization, type CustomersOfOrganization } from './touched-customers.ts'

/** Customers who are to be priced because their mark was taken, longest first, over all organizations. */
export async function listUnpricedCustomers(
  connection: Connection,
  limit: number,
): Promise<readonly CustomersOfOrganization[]> {
  const rows = await connection
    .selectFrom('unpricedCustomers')
    .select(['organizationId', 'customerId'])
    .orderBy('unpricedAt')
    .limit(limit)
    .execute()
  return byOrganization(rows)
}

/** Says that customers are to be priced. Waits for whoever prices one of them just now, and says so of it again. */
export async function addUnpricedCustomers(
  transaction: OrganizationTransaction,
  organizationId: number,
  customerIds: readonly number[],
): Promise<void> {
  if (customerIds.length > 0) await runPrepared(transaction, ADD, [organizationId, customerIds])
}

/** Takes away, and holds to the end of the transaction, what said so. Answers with those that nobody else has taken. */
export async function takeUnpricedCustomers(
  transaction: OrganizationTransaction,
  organizationId: number,
  customerIds: readonly number[],
): Promise<readonly number[]> {
  const taken = await runPrepared<{ customerId: number }>(transaction, TAKE, [organizationId, customerIds])
  return taken.map(({ customerId }) => customerId)
}

// In the order of their ids, so that two transactions never wait for each other in a circle.
const ADD = prepared(
  `insert into unpriced_customers (organization_id, customer_id)
   select $1, customer_id from unnest((select $2::integer[])) as added (customer_id) order by 2
   on conflict do nothing`,
)

const TAKE = prepared(
  `with held as (
     select customer_id from unpriced_customers
     where organization_id = $1 and customer_id = any ($2::integer[])
     order by customer_id for update)
   delete from unpriced_customers taken using held
   where taken.customer_id = held.customer_id
   returning taken.customer_id`,
)
