import { AppError } from '../../shared/errors.ts'
import type { OrganizationTransaction } from '../connection.ts'

/** Throws `subscription_not_found` where the customer never had a subscription of the external id. */
export async function requireNamedSubscription(
  transaction: OrganizationTransaction,
  organizationId: number,
  { customerId, externalId }: { customerId: number; externalId: string },
): Promise<void> {
  const subscription = await transaction
    .selectFrom('subscriptions')
    .select('id')
    .where('organizationId', '=', organizationId)
    .where('customerId', '=', customerId)
    .where('externalId', '=', externalId)
    .limit(1)
    .executeTakeFirst()
  if (subscription === undefined) {
    throw new AppError('subscription_not_found', `the customer has no subscription of the external id "${externalId}"`)
  }
}
