import Type from 'typebox'
import type { ChargeOfEvent } from '../../db/corrections/counted-towards.ts'
import { Nullable, Time, Uuid } from './common.ts'

/** Which part of a charge an event counts towards, and in which period. */
export const CHARGE_IN_PERIOD = {
  subscription_id: Uuid,
  external_subscription_id: Type.String(),
  charge_id: Uuid,
  charge_filter_id: Nullable(
    Type.String({ format: 'uuid', description: 'The filter of the charge that the event matches best; null: none.' }),
  ),
  grouped_by: Type.Record(Type.String(), Nullable(Type.String()), {
    description: 'The values of the pricing group keys; null where the event has no such property.',
  }),
  description: Type.String({ description: 'As on the line of an invoice.' }),
  period_start: Time,
  period_end: Time,
}

/** The same as it is answered, with the invoice of the period. */
export function chargeInPeriodView({ subscription, ...charge }: Omit<ChargeOfEvent, 'lines'>) {
  return {
    subscription_id: subscription.id,
    external_subscription_id: subscription.externalId,
    charge_id: charge.componentId,
    charge_filter_id: charge.filterId,
    grouped_by: charge.groupedBy,
    description: charge.description,
    period_start: charge.periodStart.toString(),
    period_end: charge.periodEnd.toString(),
    invoice_id: charge.invoiceId,
  }
}
