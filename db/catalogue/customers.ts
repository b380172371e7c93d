import { type Selectable, sql } from 'kysely'
import { AppError } from '../../shared/errors.ts'
import { parseExactJson } from '../../shared/json/exact-json.ts'
import type { OrganizationTransaction } from '../connection.ts'
import { announce } from '../outbox.ts'
import { newestFirst, type Page, type PageRequest } from '../paging.ts'
import type { Database } from '../schema.ts'

/** A registered customer. */
export type Customer = Omit<Selectable<Database['customers']>, 'registeredAt'> & {
  readonly registeredAt: Temporal.Instant
}

export interface CustomerDetails {
  readonly name: string | null
  readonly email: string | null
  readonly currency: string | null
  readonly timeZone: string | null
  /** JSON of any shape; numbers keep the text that was sent. */
  readonly metadata: Readonly<Record<string, unknown>>
}

/**
 * Registers a customer. Where usage has named the external id already, that same row becomes the customer, so its
 * usage is billable unchanged.
 */
export async function insertCustomer(
  transaction: OrganizationTransaction,
  organizationId: number,
  { externalId, metadata, ...details }: CustomerDetails & { readonly externalId: string },
): Promise<Customer> {
  const values = { ...details, metadata: JSON.stringify(metadata), registeredAt: sql<string>`now()` }
  const row = await transaction
    .insertInto('customers')
    .values({ organizationId, externalId, ...values })
    .onConflict((conflict) =>
      conflict
        .columns(['organizationId', 'externalId'])
        .doUpdateSet({ ...values, updatedAt: sql`now()` })
        .where('customers.registeredAt', 'is', null),
    )
    .returning(COLUMNS)
    .executeTakeFirst()
  if (row === undefined) {
    throw new AppError('customer_exists', `a customer with the external id "${externalId}" exists already`)
  }
  await announce(transaction, { organizationId, topic: 'customer.created', payload: { customer_id: row.id } })
  return customerOf(row)
}

/** The registered customer of an external id. With `forUpdate`, no other transaction changes it until this one ends. */
export async function requireCustomer(
  transaction: OrganizationTransaction,
  organizationId: number,
  externalId: string,
  { forUpdate = false }: { forUpdate?: boolean } = {},
): Promise<Customer> {
  const row = await selectRegistered(transaction, organizationId)
    .where('externalId', '=', externalId)
    .$if(forUpdate, (query) => query.forUpdate())
    .executeTakeFirst()
  if (row === undefined) throw new AppError('customer_not_found', `no customer has the external id "${externalId}"`)
  return customerOf(row)
}

/** The row of an external id that usage or the API has named; customers who are not registered included. */
export async function findCustomerKey(
  transaction: OrganizationTransaction,
  organizationId: number,
  externalId: string,
): Promise<number | undefined> {
  const [key] = await findCustomerKeys(transaction, organizationId, [externalId])
  return key
}

/** The rows of those external ids that usage or the API has named. */
export async function findCustomerKeys(
  transaction: OrganizationTransaction,
  organizationId: number,
  externalIds: readonly string[],
): Promise<readonly number[]> {
  if (externalIds.length === 0) return []
  const rows = await transaction
    .selectFrom('customers')
    .select('customerId')
    .where('organizationId', '=', organizationId)
    .where('externalId', 'in', externalIds)
    .execute()
  return rows.map((row) => row.customerId)
}

/** The external ids of customers, registered or not, by their keys. */
export async function listExternalIds(
  transaction: OrganizationTransaction,
  organizationId: number,
  customerIds: readonly number[],
): Promise<ReadonlyMap<number, string>> {
  if (customerIds.length === 0) return new Map()
  const rows = await transaction
    .selectFrom('customers')
    .select(['customerId', 'externalId'])
    .where('organizationId', '=', organizationId)
    .where('customerId', 'in', customerIds)
    .execute()
  return new Map(rows.map((row) => [row.customerId, row.externalId]))
}

function selectRegistered(transaction: OrganizationTransaction, organizationId: number) {
  return transaction
    .selectFrom('customers')
    .select(COLUMNS)
    .where('organizationId', '=', organizationId)
    .where('registeredAt', 'is not', null)
}

/** Newest first. */
export async function listCustomers(
  transaction: OrganizationTransaction,
  organizationId: number,
  page: PageRequest,
): Promise<Page<Customer>> {
  const { rows, next } = await newestFirst(selectRegistered(transaction, organizationId), page)
  return { rows: rows.map(customerOf), next }
}

/** Changes the given fields of a registered customer; absent ones stay. */
export async function updateCustomer(
  transaction: OrganizationTransaction,
  organizationId: number,
  customerId: number,
  { metadata, ...changes }: Partial<CustomerDetails>,
): Promise<Customer> {
  const row = await transaction
    .updateTable('customers')
    .set({
      ...changes,
      ...(metadata === undefined ? {} : { metadata: JSON.stringify(metadata) }),
      updatedAt: sql`now()`,
    })
    .where('organizationId', '=', organizationId)
    .where('customerId', '=', customerId)
    .returning(COLUMNS)
    .executeTakeFirstOrThrow()
  await announce(transaction, { organizationId, topic: 'customer.updated', payload: { customer_id: row.id } })
  return customerOf(row)
}

const COLUMNS = [
  'customerId',
  'id',
  'organizationId',
  'externalId',
  'registeredAt',
  'name',
  'email',
  'currency',
  'timeZone',
  // As text, so that a long number in it is not read through a double.
  sql<string>`metadata::text`.as('metadata'),
  'updatedAt',
] as const

type CustomerRow = Omit<Selectable<Database['customers']>, 'metadata'> & { readonly metadata: string }

function customerOf(row: CustomerRow): Customer {
  const metadata = parseExactJson(row.metadata) as Record<string, unknown>
  return { ...row, metadata, registeredAt: row.registeredAt as Temporal.Instant }
}
