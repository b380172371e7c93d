import { sql } from 'kysely'
import type { BilledPart } from '../../shared/invoicing/late-lines.ts'
import type { CorrectedKind } from '../../shared/invoicing/rated-line.ts'
import { decimal } from '../../shared/money/decimal.ts'
import type { OrganizationTransaction } from '../connection.ts'
import { list } from '../list.ts'

/**
 * What was billed of the usage of periods, by the invoice of the period: its own lines, and late lines of final invoices and
 * of credit notes since, which stand on the document that they name. Drafts do not count: one that carries late lines gets
 * them anew when it is finalized.
 */
export async function listBilledParts(
  transaction: OrganizationTransaction,
  organizationId: number,
  periods: readonly { readonly invoiceId: string; readonly customerId: number }[],
): Promise<ReadonlyMap<string, readonly BilledPart[]>> {
  const { rows } = await sql<BilledRow>`
    with period as (
      select * from unnest(${list(periods.map(({ customerId }) => customerId))}::integer[],
                           ${list(periods.map(({ invoiceId }) => invoiceId))}::uuid[]) as period (customer_id, invoice_id))
    select period.invoice_id, period.invoice_id as document_id, line.kind, ${PART_COLUMNS}
    from period join invoice_lines line on line.customer_id = period.customer_id and line.invoice_id = period.invoice_id
    where line.kind in ('usage', 'minimum_spend') and line.organization_id = ${organizationId}
    union all
    select period.invoice_id, line.invoice_id, line.corrected_kind, ${PART_COLUMNS}
    from period join invoice_lines line on line.corrects_invoice_id = period.invoice_id
      and line.customer_id = period.customer_id
    join invoices invoice on invoice.customer_id = line.customer_id and invoice.id = line.invoice_id
      and invoice.status = 'finalized'
    where line.organization_id = ${organizationId}
    union all
    select period.invoice_id, note.invoice_id, line.corrected_kind, ${PART_COLUMNS}
    from period join credit_note_lines line on line.corrects_invoice_id = period.invoice_id
      and line.customer_id = period.customer_id
    join credit_notes note on note.customer_id = line.customer_id and note.id = line.credit_note_id
    where line.organization_id = ${organizationId}`.execute(transaction)
  return Map.groupBy(rows.map(partOf), ({ invoiceId }) => invoiceId)
}

const PART_COLUMNS = sql`line.price_component_id, line.charge_filter_id, line.grouped_by, line.units, line.events_count,
  line.amount_minor`

interface BilledRow {
  readonly invoiceId: string
  readonly documentId: string
  readonly kind: CorrectedKind
  readonly priceComponentId: string
  readonly chargeFilterId: string | null
  readonly groupedBy: Readonly<Record<string, string | null>>
  readonly units: string
  readonly eventsCount: string
  readonly amountMinor: string
}

function partOf(row: BilledRow): BilledPart & { readonly invoiceId: string } {
  return {
    invoiceId: row.invoiceId,
    documentId: row.documentId,
    kind: row.kind,
    componentId: row.priceComponentId,
    portion: { filterId: row.chargeFilterId, groupedBy: row.groupedBy },
    units: decimal(row.units),
    eventsCount: BigInt(row.eventsCount),
    amountMinor: BigInt(row.amountMinor),
  }
}
