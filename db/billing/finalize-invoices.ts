import { type Selectable, sql } from 'kysely'
import type { OrganizationTransaction } from '../connection.ts'
import { instantValue } from '../instant.ts'
import { postInvoices } from '../ledger/post-invoices.ts'
import { announce } from '../outbox.ts'
import type { Database } from '../schema.ts'

/** A draft that is to be finalized. */
export type LockedDraft = Pick<
  Selectable<Database['invoices']>,
  | 'id'
  | 'customerId'
  | 'issuerId'
  | 'subscriptionId'
  | 'kind'
  | 'currency'
  | 'periodStart'
  | 'periodEnd'
  | 'timeZone'
  | 'finalizeAt'
>

/** Drafts by their ids, and whose they are: invoices lie with their customers. */
export interface DraftsOfCustomers {
  readonly organizationId: number
  readonly customerIds: readonly number[]
  readonly invoiceIds: readonly string[]
}

/**
 * Locks drafts of the ids given, in the order of their issue; what another transaction holds is left out. With
 * `dueBy`, only those whose grace period is over by then.
 */
export async function lockDrafts(
  transaction: OrganizationTransaction,
  {
    organizationId,
    customerIds,
    invoiceIds,
    dueBy,
  }: DraftsOfCustomers & { readonly dueBy: Temporal.Instant | undefined },
): Promise<LockedDraft[]> {
  return await transaction
    .selectFrom('invoices')
    .select(['id', 'customerId', 'issuerId', 'subscriptionId', 'kind', 'currency', 'periodStart', 'periodEnd'])
    .select(['timeZone', 'finalizeAt'])
    .where('organizationId', '=', organizationId)
    .where('customerId', 'in', customerIds)
    .where('id', 'in', invoiceIds)
    .where('status', '=', 'draft')
    .$if(dueBy !== undefined, (query) =>
      query.where('finalizeAt', '<=', instantValue(dueBy ?? Temporal.Instant.fromEpochMilliseconds(0))),
    )
    .orderBy('issuedAt')
    .orderBy('id')
    .forUpdate()
    .skipLocked()
    .execute()
}

/** What finalizing sets on one invoice. */
export interface Finalization {
  readonly invoiceId: string
  readonly customerId: number
  readonly issuerId: string
  readonly currency: string
  readonly totalMinor: bigint
  readonly finalizedAt: Temporal.Instant
}

/**
 * Finalizes drafts that this transaction holds: ledger postings, payment state and announcement, and last of all the
 * numbers, because the counter of the issuer is the one row that every finalization waits for.
 */
export async function finalizeInvoices(
  transaction: OrganizationTransaction,
  organizationId: number,
  finalizations: readonly Finalization[],
): Promise<void> {
  if (finalizations.length === 0) return
  await postInvoices(transaction, organizationId, finalizations)
  await insertPaymentStates(transaction, organizationId, finalizations)
  for (const { invoiceId } of finalizations) {
    await announce(transaction, { organizationId, topic: 'invoice.finalized', payload: { invoice_id: invoiceId } })
  }
  for (const [issuerId, ofIssuer] of Map.groupBy(finalizations, ({ issuerId }) => issuerId)) {
    await numberInvoices(transaction, { organizationId, issuerId, finalizations: ofIssuer })
  }
}

// Nothing is left to collect of an invoice of zero.
async function insertPaymentStates(
  transaction: OrganizationTransaction,
  organizationId: number,
  finalizations: readonly Finalization[],
): Promise<void> {
  await transaction
    .insertInto('invoicePaymentStates')
    .values(
      finalizations.map(({ invoiceId, customerId, totalMinor }) => ({
        organizationId,
        customerId,
        invoiceId,
        status: totalMinor === 0n ? ('paid' as const) : ('pending' as const),
      })),
    )
    .execute()
}

async function numberInvoices(
  transaction: OrganizationTransaction,
  {
    organizationId,
    issuerId,
    finalizations,
  }: { organizationId: number; issuerId: string; finalizations: readonly Finalization[] },
): Promise<void> {
  const rows = finalizations.map(({ invoiceId, customerId, finalizedAt }, position) => ({
    id: invoiceId,
    customer_id: customerId,
    position,
    finalized_at: finalizedAt,
  }))
  await sql`
    with counter as (
      update issuers set last_invoice_number = last_invoice_number + ${rows.length}, updated_at = now()
      where id = ${issuerId} and organization_id = ${organizationId}
      returning invoice_number_prefix, last_invoice_number - ${rows.length} as before, net_payment_term_days
    )
    update invoices set status = 'finalized', finalized_at = numbered.finalized_at, finalize_at = null, billing_failed_at = null,
      updated_at = now(),
      due_at = numbered.finalized_at + make_interval(days => counter.net_payment_term_days),
      -- Not lpad, which would cut the seventh digit off.
      number = counter.invoice_number_prefix || to_char(counter.before + 1 + numbered.position, 'FM999999999999000000')
    from counter, jsonb_to_recordset(${JSON.stringify(rows)}::jsonb)
      as numbered (id uuid, customer_id integer, position integer, finalized_at timestamptz)
    where invoices.customer_id = numbered.customer_id and invoices.id = numbered.id
      and invoices.organization_id = ${organizationId}`.execute(transaction)
}
