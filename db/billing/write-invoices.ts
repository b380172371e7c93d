import { randomUUIDv7 } from 'node:crypto'
import { sql } from 'kysely'
import type { PortionName } from '../../shared/invoicing/components.ts'
import type { InvoiceTotals } from '../../shared/invoicing/invoice-totals.ts'
import { unorderedPortionKey } from '../../shared/invoicing/portions.ts'
import type { RatedLine } from '../../shared/invoicing/rated-line.ts'
import type { OrganizationTransaction } from '../connection.ts'
import { adjustmentRecords, stepRecords } from '../invoices/step-records.ts'
import { list } from '../list.ts'
import type { InvoiceKind } from '../schema.ts'
import type { PlanComponent } from './plan-components.ts'

/** A draft on its way into the table; its claim is subscription, kind, period start and sequence. */
export interface DraftInvoice {
  readonly id: string
  readonly customerId: number
  readonly issuerId: string
  readonly subscriptionId: string
  readonly kind: InvoiceKind
  /** The invoice that a debit note adds to; absent on others. */
  readonly correctsInvoiceId?: string
  readonly periodStart: Temporal.Instant
  readonly periodEnd: Temporal.Instant
  /** The zone whose days the period is made of. */
  readonly timeZone: string
  readonly issuedAt: Temporal.Instant
  readonly finalizeAt: Temporal.Instant
  readonly totals: InvoiceTotals
  readonly lines: readonly InvoiceLine[]
}

/** A rated line with the component it was rated from. */
export interface InvoiceLine {
  readonly line: RatedLine
  readonly component: PlanComponent
}

/** Writes drafts with their lines. A claim that is already held fails the transaction: it would be a second bill. */
export async function insertDrafts(
  transaction: OrganizationTransaction,
  organizationId: number,
  drafts: readonly DraftInvoice[],
): Promise<void> {
  if (drafts.length === 0) return
  await sql`
    insert into invoices (organization_id, sequence, id, customer_id, issuer_id, subscription_id, kind, period_start,
      period_end, time_zone, status, currency, subtotal_minor, tax_minor, total_minor, issued_at, finalize_at,
      corrects_invoice_id)
    select ${organizationId}, (select count(*) from invoices before where before.corrects_invoice_id = draft.corrects_invoice_id),
      draft.* from jsonb_to_recordset(${JSON.stringify(drafts.map(draftRow))}::jsonb)
      as draft (id uuid, customer_id integer, issuer_id uuid, subscription_id uuid, kind text, period_start timestamptz,
        period_end timestamptz, time_zone text, status text, currency text, subtotal_minor numeric, tax_minor numeric, total_minor numeric,
        issued_at timestamptz, finalize_at timestamptz, corrects_invoice_id uuid)`.execute(transaction)
  await insertLines(transaction, organizationId, { table: 'invoice_lines', documents: drafts })
}

/** A draft that was rated again: its totals and all lines but its fees, which stay as they were billed. */
export interface RefreshedDraft {
  readonly id: string
  readonly customerId: number
  readonly totals: InvoiceTotals
  readonly lines: readonly InvoiceLine[]
  /** The place of the first of these lines. */
  readonly firstPosition: number
}

/** Writes newly rated usage into drafts. A line that was there before keeps its id. */
export async function updateDrafts(
  transaction: OrganizationTransaction,
  organizationId: number,
  drafts: readonly RefreshedDraft[],
): Promise<void> {
  if (drafts.length === 0) return
  const ids = await deleteUsageLines(transaction, organizationId, drafts)
  const rows = drafts.flatMap(({ id: invoiceId, customerId, firstPosition, lines }) =>
    lines.map((line, index) => {
      const row = lineRow(line)
      const id = ids.get(lineKey(invoiceId, row)) ?? row['id']
      return { ...row, id, customer_id: customerId, document_id: invoiceId, position: firstPosition + index }
    }),
  )
  await insertLineRows(transaction, organizationId, { table: 'invoice_lines', rows })
  const totals = drafts.map((draft) => ({ id: draft.id, customer_id: draft.customerId, ...totalsRow(draft.totals) }))
  await sql`
    update invoices set subtotal_minor = draft.subtotal_minor, tax_minor = draft.tax_minor,
      total_minor = draft.total_minor, updated_at = now()
    from jsonb_to_recordset(${JSON.stringify(totals)}::jsonb)
      as draft (id uuid, customer_id integer, subtotal_minor numeric, tax_minor numeric, total_minor numeric)
    where invoices.customer_id = draft.customer_id and invoices.id = draft.id
      and invoices.organization_id = ${organizationId}`.execute(transaction)
}

// Answers with the ids of the lines by what they were for.
async function deleteUsageLines(
  transaction: OrganizationTransaction,
  organizationId: number,
  drafts: readonly RefreshedDraft[],
): Promise<ReadonlyMap<string, string>> {
  const { rows } = await sql<{ id: string; invoiceId: string; row: Record<string, unknown> }>`
    delete from invoice_lines line
    using unnest(${list(drafts.map((draft) => draft.customerId))}::integer[],
                 ${list(drafts.map((draft) => draft.id))}::uuid[]) as draft (customer_id, invoice_id)
    where line.customer_id = draft.customer_id and line.invoice_id = draft.invoice_id and line.kind <> 'plan_fee'
      and line.organization_id = ${organizationId}
    returning line.id, line.invoice_id, jsonb_build_object('kind', line.kind, 'price_component_id',
      line.price_component_id, 'charge_filter_id', line.charge_filter_id, 'grouped_by', line.grouped_by,
      'corrects_invoice_id', line.corrects_invoice_id, 'corrected_kind', line.corrected_kind) as row`.execute(
    transaction,
  )
  return new Map(rows.map(({ id, invoiceId, row }) => [lineKey(invoiceId, row), id]))
}

function lineKey(invoiceId: string, row: Record<string, unknown>): string {
  const { kind, price_component_id, charge_filter_id, grouped_by, corrects_invoice_id, corrected_kind } = row
  const portion = { filterId: charge_filter_id, groupedBy: grouped_by } as PortionName
  return JSON.stringify([
    invoiceId,
    kind,
    price_component_id,
    unorderedPortionKey(portion),
    corrects_invoice_id,
    corrected_kind,
  ])
}

/** Where lines are kept, and which column names the document they are of. */
const LINE_TABLES = { invoice_lines: 'invoice_id', credit_note_lines: 'credit_note_id' } as const

type LineTable = keyof typeof LINE_TABLES

/** Writes the lines of new documents, in their order. */
export async function insertLines(
  transaction: OrganizationTransaction,
  organizationId: number,
  { table, documents }: { table: LineTable; documents: readonly Pick<DraftInvoice, 'id' | 'customerId' | 'lines'>[] },
): Promise<void> {
  const rows = documents.flatMap(({ id, customerId, lines }) =>
    lines.map((line, position) => ({ customer_id: customerId, document_id: id, position, ...lineRow(line) })),
  )
  await insertLineRows(transaction, organizationId, { table, rows })
}

async function insertLineRows(
  transaction: OrganizationTransaction,
  organizationId: number,
  { table, rows }: { table: LineTable; rows: readonly Record<string, unknown>[] },
): Promise<void> {
  if (rows.length === 0) return
  await sql`
    insert into ${sql.table(table)} (organization_id, customer_id, ${sql.ref(LINE_TABLES[table])}, position, id, kind, description,
      price_component_id, price_id, billable_metric_id, charge_model, charge_filter_id, grouped_by, period_start,
      period_end, units, events_count, unit_amount, amount, amount_minor, billed_days, period_days, steps, adjustments,
      corrects_invoice_id, corrected_kind)
    select ${organizationId}, line.* from json_to_recordset(${JSON.stringify(rows)}::json)
      as line (customer_id integer, document_id uuid, position integer, id uuid, kind text, description text,
        price_component_id uuid, price_id uuid, billable_metric_id uuid, charge_model text, charge_filter_id uuid,
        grouped_by jsonb, period_start timestamptz, period_end timestamptz, units numeric, events_count bigint,
        unit_amount numeric, amount numeric, amount_minor numeric, billed_days integer, period_days integer, steps json,
        adjustments json, corrects_invoice_id uuid, corrected_kind text)`.execute(transaction)
}

function draftRow(draft: DraftInvoice): Record<string, unknown> {
  return {
    id: draft.id,
    customer_id: draft.customerId,
    issuer_id: draft.issuerId,
    subscription_id: draft.subscriptionId,
    kind: draft.kind,
    period_start: draft.periodStart,
    period_end: draft.periodEnd,
    time_zone: draft.timeZone,
    status: 'draft',
    currency: draft.totals.currency,
    ...totalsRow(draft.totals),
    issued_at: draft.issuedAt,
    finalize_at: draft.finalizeAt,
    corrects_invoice_id: draft.correctsInvoiceId ?? null,
  }
}

function totalsRow({ subtotalMinor, taxMinor, totalMinor }: InvoiceTotals): Record<string, string> {
  return {
    subtotal_minor: subtotalMinor.toString(),
    tax_minor: taxMinor.toString(),
    total_minor: totalMinor.toString(),
  }
}

function lineRow({ line, component }: InvoiceLine): Record<string, unknown> {
  return {
    id: randomUUIDv7(),
    kind: line.kind,
    description: line.description,
    price_component_id: line.componentId,
    price_id: component.priceId,
    billable_metric_id: component.metric?.id ?? null,
    charge_model: component.component.kind === 'usage' ? component.component.charge.model : null,
    charge_filter_id: line.portion?.filterId ?? null,
    grouped_by: line.portion?.groupedBy ?? {},
    period_start: line.periodStart,
    period_end: line.periodEnd,
    billed_days: line.proration?.billedDays ?? null,
    period_days: line.proration?.periodDays ?? null,
    units: line.units.toFixed(),
    events_count: line.eventsCount.toString(),
    unit_amount: line.unitAmount.toDecimalPlaces(MAX_STORED_DECIMALS).toFixed(),
    amount: line.amount.toDecimalPlaces(MAX_STORED_DECIMALS).toFixed(),
    amount_minor: line.amountMinor.toString(),
    steps: stepRecords(line.steps),
    adjustments: adjustmentRecords(line.adjustments ?? []),
    corrects_invoice_id: line.corrects?.invoiceId ?? null,
    corrected_kind: line.corrects?.kind ?? null,
  }
}

// A prorated fee can have no end of digits; the minor units were rounded from the exact value before this cut.
const MAX_STORED_DECIMALS = 30
