import { sql } from 'kysely'
import type { CreditableDocument } from '../../shared/invoicing/credits-by-document.ts'
import type { OrganizationTransaction } from '../connection.ts'
import { list } from '../list.ts'

/**
 * The final invoices and debit notes of the subscriptions with what is left of them, by subscription, the latest first. They
 * are locked until the transaction ends, so that no other gives the same back.
 */
export async function lockCreditableDocuments(
  transaction: OrganizationTransaction,
  organizationId: number,
  subscriptionIds: readonly string[],
): Promise<ReadonlyMap<string, readonly CreditableDocument[]>> {
  if (subscriptionIds.length === 0) return new Map()
  const ofSubscriptions = sql`invoice.organization_id = ${organizationId}
    and invoice.subscription_id = any(${list(subscriptionIds)}::uuid[]) and invoice.status = 'finalized'`
  // By itself, so that what is summed up next has the notes of whoever held the locks before.
  await sql`select from invoices invoice where ${ofSubscriptions} order by invoice.id for no key update`.execute(
    transaction,
  )
  const { rows } = await sql<CreditableRow>`
    select invoice.subscription_id, invoice.id, invoice.total_minor - coalesce((
      select sum(note.total_minor) from credit_notes note
      where note.customer_id = invoice.customer_id and note.invoice_id = invoice.id), 0) as left_minor
    from invoices invoice where ${ofSubscriptions}
    order by invoice.issued_at desc, invoice.id desc`.execute(transaction)
  const documents = rows.map(({ subscriptionId, id, leftMinor }) => ({
    subscriptionId,
    id,
    leftMinor: BigInt(leftMinor),
  }))
  return Map.groupBy(documents, ({ subscriptionId }) => subscriptionId)
}

interface CreditableRow {
  readonly subscriptionId: string
  readonly id: string
  readonly leftMinor: string
}
