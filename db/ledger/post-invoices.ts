import { sql } from 'kysely'
import type { OrganizationTransaction } from '../connection.ts'

/** An invoice whose total is owed from now on. */
export interface PostedInvoice {
  readonly invoiceId: string
  readonly customerId: number
  readonly currency: string
  readonly totalMinor: bigint
  readonly finalizedAt: Temporal.Instant
}

/**
 * Posts finalized invoices: the customer's receivable against revenue. Once per invoice; posting it a second time fails
 * the transaction. An invoice of zero moves nothing.
 */
export async function postInvoices(
  transaction: OrganizationTransaction,
  organizationId: number,
  invoices: readonly PostedInvoice[],
): Promise<void> {
  const movements = invoices.map(({ invoiceId, finalizedAt, ...rest }) => {
    return { ...rest, referenceId: invoiceId, postedAt: finalizedAt }
  })
  await post(transaction, organizationId, { movements, document: 'invoice' })
}

/** A credit note whose total is owed no more. */
export interface PostedCreditNote {
  readonly id: string
  readonly customerId: number
  readonly currency: string
  readonly totalMinor: bigint
  readonly issuedAt: Temporal.Instant
}

/** Posts credit notes: the reverse of invoices, once per credit note. */
export async function postCreditNotes(
  transaction: OrganizationTransaction,
  organizationId: number,
  notes: readonly PostedCreditNote[],
): Promise<void> {
  const movements = notes.map(({ id, customerId, currency, totalMinor, issuedAt }) => {
    return { customerId, currency, totalMinor, referenceId: id, postedAt: issuedAt }
  })
  await post(transaction, organizationId, { movements, document: 'credit_note' })
}

interface ReceivableMovement {
  readonly referenceId: string
  readonly customerId: number
  readonly currency: string
  readonly totalMinor: bigint
  readonly postedAt: Temporal.Instant
}

const REASONS = { invoice: 'invoice_finalized', credit_note: 'credit_note_issued' } as const

async function post(
  transaction: OrganizationTransaction,
  organizationId: number,
  { movements, document }: { movements: readonly ReceivableMovement[]; document: keyof typeof REASONS },
): Promise<void> {
  const rows = movements
    .filter(({ totalMinor }) => totalMinor > 0n)
    .map(({ referenceId, customerId, currency, totalMinor, postedAt }) => ({
      reference_id: referenceId,
      customer_id: customerId,
      currency,
      amount_minor: totalMinor.toString(),
      posted_at: postedAt,
    }))
  if (rows.length === 0) return
  const posted = sql`jsonb_to_recordset(${JSON.stringify(rows)}::jsonb)
    as posted (reference_id uuid, customer_id integer, currency text, amount_minor numeric, posted_at timestamptz)`
  const [debit, credit] = document === 'invoice' ? ['receivable', 'revenue'] : ['revenue', 'receivable']
  await sql`
    insert into ledger_accounts (organization_id, customer_id, kind, currency)
    select distinct ${organizationId}::integer, account.customer_id, account.kind, posted.currency
    from ${posted} cross join lateral (values (posted.customer_id, 'receivable'), (null, 'revenue')) as account (customer_id, kind)
    order by 2, 3, 4
    on conflict do nothing`.execute(transaction)
  await sql`
    insert into ledger_postings (organization_id, customer_id, debit_account_id, credit_account_id, amount_minor, currency,
      reason, reference_kind, reference_id, posted_at)
    select ${organizationId}, posted.customer_id, ${sql.ref(`${debit}.id`)}, ${sql.ref(`${credit}.id`)}, posted.amount_minor,
      posted.currency, ${REASONS[document]}, ${document}, posted.reference_id, posted.posted_at
    from ${posted}
    join ledger_accounts receivable on receivable.organization_id = ${organizationId}
      and receivable.customer_id = posted.customer_id and receivable.kind = 'receivable' and receivable.currency = posted.currency
    join ledger_accounts revenue on revenue.organization_id = ${organizationId}
      and revenue.customer_id is null and revenue.kind = 'revenue' and revenue.currency = posted.currency`.execute(
    transaction,
  )
}
