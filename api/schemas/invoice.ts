import Type from 'typebox'
import { Cents, Choice, Nullable, Output, Time, Uuid } from './common.ts'
import { InvoiceLineAnswer } from './line.ts'

export const InvoiceStatus = Choice(['draft', 'finalized', 'voided'], { title: 'InvoiceStatus' })

export const InvoiceAnswer = Output('Invoice', {
  id: Uuid,
  number: Nullable(Type.String({ description: 'Without gaps per issuer; null on a draft.' })),
  status: InvoiceStatus,
  payment_status: Nullable(Choice(['pending', 'paid', 'failed', 'uncollectible'], { title: 'PaymentStatus' })),
  kind: Choice(['subscription_create', 'subscription_cycle', 'debit_note'], { title: 'InvoiceKind' }),
  corrects_invoice_id: Nullable(
    Type.String({
      format: 'uuid',
      description: 'On a debit note: the invoice of the period whose late usage it bills.',
    }),
  ),
  external_customer_id: Type.String(),
  subscription_id: Nullable(Uuid),
  issuer_code: Type.String(),
  currency: Type.String(),
  period_start: Time,
  period_end: Time,
  subtotal_cents: Cents,
  tax_cents: Cents,
  total_cents: Cents,
  issued_at: Time,
  finalize_at: Nullable(Type.String({ format: 'date-time', description: 'When a draft becomes final.' })),
  finalized_at: Nullable(Time),
  due_at: Nullable(Time),
  lines: Type.Array(InvoiceLineAnswer),
})
