import Type from 'typebox'
import { stepRecords } from '../../db/invoices/step-records.ts'
import type { RatedLine } from '../../shared/invoicing/rated-line.ts'
import { Cents, Choice, Decimal, jsonInteger, Nullable, Output, Time, Uuid } from './common.ts'

/** A step on the way from units to an amount. */
export const PricingStep = Output('PricingStep', {
  from_value: Decimal,
  to_value: Nullable(Decimal),
  units: Decimal,
  per_unit_amount: Decimal,
  flat_amount: Decimal,
  packages: Type.Optional(Output('PricingPackages', { count: Decimal, size: Decimal, amount_each: Decimal })),
  amount: Decimal,
})

const LINE = {
  kind: Choice(['plan_fee', 'usage'], { title: 'LineKind' }),
  description: Type.String(),
  charge_id: Nullable(Type.String({ format: 'uuid', description: 'The charge of the plan; null on a plan fee.' })),
  billable_metric_code: Nullable(Type.String()),
  charge_model: Nullable(Type.String()),
  units: Decimal,
  events_count: Type.Integer(),
  unit_amount: Type.String({ description: 'Major units, for display: the amount for one unit.' }),
  amount: Type.String({ description: 'Major units, exact, before the one rounding.' }),
  amount_cents: Cents,
  period_start: Time,
  period_end: Time,
  proration: Nullable(
    Output('Proration', {
      billed_days: Type.Integer(),
      period_days: Type.Integer(),
    }),
  ),
  steps: Type.Array(PricingStep, {
    description: 'How units became the amount; the amounts of the steps add up to it.',
  }),
}

/** A line that is priced now and written nowhere. */
export const RatedLineAnswer = Output('RatedLine', LINE)

/** A line of an invoice. */
export const InvoiceLineAnswer = Output('InvoiceLine', { id: Uuid, ...LINE })

/** A line of the rating engine as it is answered; `chargeModels` names the model of each usage component. */
export function ratedLineView(line: RatedLine, chargeModels: ReadonlyMap<string, string | null>) {
  return {
    kind: line.kind,
    description: line.description,
    charge_id: line.kind === 'usage' ? line.componentId : null,
    billable_metric_code: line.metricCode,
    charge_model: chargeModels.get(line.componentId) ?? null,
    units: line.units.toFixed(),
    events_count: jsonInteger(line.eventsCount),
    unit_amount: line.unitAmount.toFixed(),
    amount: line.amount.toFixed(),
    amount_cents: jsonInteger(line.amountMinor),
    period_start: line.periodStart.toString(),
    period_end: line.periodEnd.toString(),
    proration:
      line.proration === undefined
        ? null
        : { billed_days: line.proration.billedDays, period_days: line.proration.periodDays },
    steps: stepRecords(line.steps),
  }
}
