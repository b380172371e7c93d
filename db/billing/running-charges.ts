import type { RatedLine } from '../../shared/invoicing/rated-line.ts'
import type { OrganizationTransaction } from '../connection.ts'

/** Replaces what the running periods of the subscriptions cost so far. */
export async function saveRunningCharges(
  transaction: OrganizationTransaction,
  {
    organizationId,
    pricedAt,
    subscriptions,
    charges,
  }: {
    organizationId: number
    pricedAt: Temporal.Instant
    subscriptions: readonly { readonly id: string; readonly customerId: number }[]
    charges: readonly {
      readonly subscription: { readonly id: string; readonly customerId: number }
      readonly line: RatedLine
    }[]
  },
): Promise<void> {
  if (subscriptions.length === 0) return
  await transaction
    .deleteFrom('runningCharges')
    .where('organizationId', '=', organizationId)
    .where(
      'customerId',
      'in',
      subscriptions.map(({ customerId }) => customerId),
    )
    .where(
      'subscriptionId',
      'in',
      subscriptions.map(({ id }) => id),
    )
    .execute()
  if (charges.length === 0) return
  await transaction
    .insertInto('runningCharges')
    .values(
      charges.map(({ subscription, line }) => ({
        organizationId,
        customerId: subscription.customerId,
        subscriptionId: subscription.id,
        priceComponentId: line.componentId,
        periodStart: line.periodStart.toString(),
        periodEnd: line.periodEnd.toString(),
        units: line.units.toFixed(),
        eventsCount: line.eventsCount,
        amount: line.amount.toFixed(),
        currency: line.currency,
        pricedAt: pricedAt.toString(),
      })),
    )
    .execute()
}
