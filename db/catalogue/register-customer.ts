import { AppError } from '../../shared/errors.ts'
import type { OrganizationTransaction } from '../connection.ts'
import { insertCustomer } from './customers.ts'

/** Registers a customer of whom nothing but the external id is known; one who is registered stays as they are. */
export async function registerCustomer(
  transaction: OrganizationTransaction,
  organizationId: number,
  externalId: string,
): Promise<void> {
  const details = { name: null, email: null, currency: null, timeZone: null, metadata: {} }
  await insertCustomer(transaction, organizationId, { externalId, ...details }).catch((error: unknown) => {
    if (!(error instanceof AppError) || error.code !== 'customer_exists') throw error
  })
}
