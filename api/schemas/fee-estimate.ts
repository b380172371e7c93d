import Type from 'typebox'
import type { EstimatedFee } from '../../db/billing/estimate-fees.ts'
import type { ChargeTotal } from '../../shared/invoicing/fee-estimate.ts'
import { CHARGE_IN_PERIOD, chargeInPeriodView } from './charge-in-period.ts'
import { Cents, Choice, Decimal, Input, JsonObject, jsonInteger, Nullable, Output } from './common.ts'
import { UsageEventInput } from './event.ts'
import { Rebuilding } from './usage.ts'

const { transaction_id, ...EVENT } = UsageEventInput.properties

/** Documents the body; the event in it is read by hand, as one that is sent. */
export const FeeEstimateInput = Input(
  'FeeEstimateInput',
  {
    event: Input('SupposedEvent', {
      transaction_id: Type.Optional({ ...transaction_id, description: 'Not looked at.' }),
      ...EVENT,
    }),
  },
  {
    examples: [
      {
        event: {
          external_customer_id: 'acme',
          code: 'llm_request',
          properties: { model: 'large', usage: { input_tokens: 1200, output_tokens: 85 } },
        },
      },
    ],
  },
)

const ChargeTotalAnswer = Output('ChargeTotal', {
  units: Decimal,
  amount: Type.String({ description: 'Major units, exact.' }),
  amount_cents: Cents,
})

const FeeEstimate = Output('FeeEstimate', {
  ...CHARGE_IN_PERIOD,
  billable_metric_code: Type.String(),
  charge_model: Type.String(),
  currency: Type.String(),
  invoice_id: Nullable(
    Type.String({
      format: 'uuid',
      description: 'The draft that would change; null where the period is not billed yet.',
    }),
  ),
  units: Type.String({ description: 'What the event adds to the units of the charge.' }),
  unit_amount: Type.String({ description: 'Major units, for display: the amount for one added unit; 0 without any.' }),
  amount: Type.String({ description: 'Major units, exact: the charge with the event minus the charge without it.' }),
  amount_cents: Type.Integer({
    description: 'By how much the bill would move, in minor units of the currency; may be below zero.',
  }),
  before: ChargeTotalAnswer,
  after: ChargeTotalAnswer,
})

export const FeeEstimateAnswer = Output('FeeEstimates', {
  fees: Type.Array(FeeEstimate, { description: 'One per charge and open period that the event counts for.' }),
  unusable: Type.Array(
    Output('UnusableForMetric', {
      billable_metric_code: Type.String(),
      reason: Choice(['value_missing', 'value_not_a_number', 'expression_failed']),
      details: JsonObject,
    }),
    { description: 'Metrics that read the code and could not count this event.' },
  ),
  rebuilding: Rebuilding,
})

/** A fee as it is answered. */
export function feeEstimateView(fee: EstimatedFee) {
  const { component } = fee
  return {
    ...chargeInPeriodView({ ...fee, ...fee.portion, componentId: component.id }),
    billable_metric_code: component.metric.code,
    charge_model: component.charge.model,
    currency: fee.currency,
    unit_amount: fee.unitAmount.toFixed(),
    ...totalView(fee),
    before: totalView(fee.before),
    after: totalView(fee.after),
  }
}

function totalView({ units, amount, amountMinor }: ChargeTotal) {
  return { units: units.toFixed(), amount: amount.toFixed(), amount_cents: jsonInteger(amountMinor) }
}
