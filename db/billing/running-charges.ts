import { sql } from 'kysely'
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
  const rows = charges.map(({ subscription, line }, position) => ({
    position,
    customer_id: subscription.customerId,
    subscription_id: subscription.id,
    price_component_id: line.componentId,
    charge_filter_id: line.portion?.filterId ?? null,
    grouped_by: line.portion?.groupedBy ?? {},
    period_start: line.periodStart,
    period_end: line.periodEnd,
    units: line.units.toFixed(),
    events_count: line.eventsCount.toString(),
    amount: line.amount.toFixed(),
    currency: line.currency,
  }))
  // One parameter for all rows: a statement takes 65,535 of them, which a few hundred customers would exceed.
  await sql`
    insert into running_charges (organization_id, priced_at, position, customer_id, subscription_id, price_component_id,
      charge_filter_id, grouped_by, period_start, period_end, units, events_count, amount, currency)
    select ${organizationId}, ${pricedAt.toString()}::timestamptz, charge.*
    from jsonb_to_recordset(${JSON.stringify(rows)}::jsonb)
      as charge (position integer, customer_id integer, subscription_id uuid, price_component_id uuid,
        charge_filter_id uuid, grouped_by jsonb, period_start timestamptz, period_end timestamptz, units numeric,
        events_count bigint, amount numeric, currency text)`.execute(transaction)
}
