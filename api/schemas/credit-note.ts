import Type from 'typebox'
import { Cents, Choice, Nullable, Output, Time, Uuid } from './common.ts'
import { InvoiceLineAnswer } from './line.ts'

export const CreditNoteAnswer = Output('CreditNote', {
  id: Uuid,
  number: Type.String({ description: 'Without gaps per issuer, apart from the numbers of invoices.' }),
  reason: Choice(['late_usage'], { title: 'CreditNoteReason' }),
  external_customer_id: Type.String(),
  subscription_id: Nullable(Uuid),
  issuer_code: Type.String(),
  invoice_id: Type.String({ format: 'uuid', description: 'The invoice that billed too much.' }),
  invoice_number: Nullable(Type.String()),
  currency: Type.String(),
  subtotal_cents: Cents,
  tax_cents: Cents,
  total_cents: Cents,
  issued_at: Time,
  created_at: Time,
  lines: Type.Array(InvoiceLineAnswer, {
    description: 'With the signs of invoice lines: they come to the subtotal below zero.',
  }),
})
