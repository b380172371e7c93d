import Type from 'typebox'
import type { InvoiceLine } from '../../db/invoices/invoices.ts'
import { adjustmentRecords, stepRecords } from '../../db/invoices/step-records.ts'
import { LINE_KINDS, type RatedLine } from '../../shared/invoicing/rated-line.ts'
import { decimal } from '../../shared/money/decimal.ts'
import { ADJUSTMENT_KINDS } from '../../shared/pricing/price-usage.ts'
import { Cents, Choice, Decimal, jsonInteger, Nullable, Output, Time, Uuid } from './common.ts'

/** A step on the way from units to an amount. */
export const PricingStep = Output('PricingStep', {
  from_value: Decimal,
  to_value: Nullable(Decimal),
  units: Decimal,
  per_unit_amount: Decimal,
  flat_amount: Decimal,
  packages: Type.Optional(Output('PricingPackages', { count: Decimal, size: Decimal, amount_each: Decimal })),
  transactions: Type.Optional(
    Output('PricingTransactions', { count: Decimal, amount_each: Decimal }, { description: 'Events that cost each.' }),
  ),
  values: Type.Optional(
    Type.Array(Nullable(Type.String()), { description: 'The two values that a matrix prices here.' }),
  ),
  amount: Decimal,
})

const LineAdjustment = Output('LineAdjustment', {
  kind: Choice(ADJUSTMENT_KINDS),
  amount: Type.String({ description: 'Major units; below zero where it takes off.' }),
})

const LINE = {
  kind: Choice(LINE_KINDS, { title: 'LineKind' }),
  description: Type.String(),
  charge_id: Nullable(Type.String({ format: 'uuid', description: 'The charge of the plan; null on a plan fee.' })),
  charge_filter_id: Nullable(
    Type.String({ format: 'uuid', description: 'The filter of the charge that the usage matched best; null: none.' }),
  ),
  grouped_by: Type.Record(Type.String(), Nullable(Type.String()), {
    description: 'The values of the pricing group keys; null where an event has no such property.',
  }),
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
    description: 'How units became the amount; the amounts of steps and adjustments add up to it.',
  }),
  adjustments: Type.Array(LineAdjustment, { description: 'What modifiers of the charge added or took off.' }),
}

/** A line that is priced now and written nowhere. */
export const RatedLineAnswer = Output('RatedLine', LINE)

/** A line of an invoice. */
export const InvoiceLineAnswer = Output('InvoiceLine', {
  id: Uuid,
  ...LINE,
  corrects_invoice_id: Nullable(
    Type.String({
      format: 'uuid',
      description: 'On late usage and its credits: the invoice of the period they are of.',
    }),
  ),
})

/** A line of the rating engine as it is answered; `chargeModels` names the model of each usage component. */
export function ratedLineView(line: RatedLine, chargeModels: ReadonlyMap<string, string | null>) {
  return {
    kind: line.kind,
    description: line.description,
    charge_id: line.kind === 'plan_fee' ? null : line.componentId,
    charge_filter_id: line.portion?.filterId ?? null,
    grouped_by: line.portion?.groupedBy ?? {},
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
    adjustments: adjustmentRecords(line.adjustments ?? []),
  }
}

/** A line of an invoice as it is answered. */
export function invoiceLineView(line: Omit<InvoiceLine, 'invoiceId'>) {
  return {
    id: line.id,
    kind: line.kind,
    description: line.description,
    charge_id: line.kind === 'plan_fee' ? null : line.priceComponentId,
    charge_filter_id: line.chargeFilterId,
    grouped_by: line.groupedBy,
    billable_metric_code: line.billableMetricCode,
    charge_model: line.chargeModel,
    // The database keeps the scale a number was written with; answers have no needless zeros.
    units: decimal(line.units).toFixed(),
    events_count: jsonInteger(line.eventsCount),
    unit_amount: decimal(line.unitAmount).toFixed(),
    amount: decimal(line.amount).toFixed(),
    amount_cents: jsonInteger(line.amountMinor),
    period_start: line.periodStart.toString(),
    period_end: line.periodEnd.toString(),
    proration:
      line.billedDays === null || line.periodDays === null
        ? null
        : { billed_days: line.billedDays, period_days: line.periodDays },
    steps: line.steps,
    adjustments: line.adjustments,
    corrects_invoice_id: line.correctsInvoiceId,
  }
}
