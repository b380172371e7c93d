import { sql } from 'kysely'
import type { InvoiceTotals } from '../../shared/invoicing/invoice-totals.ts'
import type { RatedLine } from '../../shared/invoicing/rated-line.ts'
import type { OrganizationTransaction } from '../connection.ts'
import { stepRecords } from '../invoices/step-records.ts'
import type { InvoiceKind } from '../schema.ts'
import type { PlanComponent } from './plan-components.ts'

/** A draft on its way into the table; its claim is subscription, kind, period start and sequence. */
export interface DraftInvoice {
  readonly id: string
  readonly customerId: number
  readonly issuerId: string
  readonly subscriptionId: string
  readonly kind: InvoiceKind
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
    insert into invoices (organization_id, id, customer_id, issuer_id, subscription_id, kind, period_start, period_end,
      time_zone, status, currency, subtotal_minor, tax_minor, total_minor, issued_at, finalize_at)
    select ${organizationId}, draft.* from jsonb_to_recordset(${JSON.stringify(drafts.map(draftRow))}::jsonb)
      as draft (id uuid, customer_id integer, issuer_id uuid, subscription_id uuid, kind text, period_start timestamptz,
        period_end timestamptz, time_zone text, status text, currency text, subtotal_minor numeric, tax_minor numeric, total_minor numeric,
        issued_at timestamptz, finalize_at timestamptz)`.execute(transaction)
  await insertLines(transaction, organizationId, drafts)
}

/** What rating a draft again has changed: its usage lines and its totals; fees stay as they were billed. */
export interface RefreshedDraft {
  readonly id: string
  readonly totals: InvoiceTotals
  readonly usageLines: readonly RatedLine[]
}

/** Writes newly rated usage into drafts. */
export async function updateDrafts(
  transaction: OrganizationTransaction,
  organizationId: number,
  drafts: readonly RefreshedDraft[],
): Promise<void> {
  const lines = drafts.flatMap(({ id, usageLines }) =>
    usageLines.map((line) => ({ invoice_id: id, price_component_id: line.componentId, ...ratedColumns(line) })),
  )
  if (lines.length === 0) return
  await sql`
    update invoice_lines set units = line.units, events_count = line.events_count, unit_amount = line.unit_amount,
      amount = line.amount, amount_minor = line.amount_minor, steps = line.steps
    from json_to_recordset(${JSON.stringify(lines)}::json)
      as line (invoice_id uuid, price_component_id uuid, units numeric, events_count bigint, unit_amount numeric,
        amount numeric, amount_minor numeric, steps json)
    where invoice_lines.invoice_id = line.invoice_id and invoice_lines.price_component_id = line.price_component_id
      and invoice_lines.kind = 'usage' and invoice_lines.organization_id = ${organizationId}`.execute(transaction)
  await sql`
    update invoices set subtotal_minor = draft.subtotal_minor, tax_minor = draft.tax_minor,
      total_minor = draft.total_minor, updated_at = now()
    from jsonb_to_recordset(${JSON.stringify(drafts.map(({ id, totals }) => ({ id, ...totalsRow(totals) })))}::jsonb)
      as draft (id uuid, subtotal_minor numeric, tax_minor numeric, total_minor numeric)
    where invoices.id = draft.id and invoices.organization_id = ${organizationId}`.execute(transaction)
}

async function insertLines(
  transaction: OrganizationTransaction,
  organizationId: number,
  drafts: readonly DraftInvoice[],
): Promise<void> {
  const rows = drafts.flatMap(({ id, customerId, lines }) =>
    lines.map((line, position) => ({ customer_id: customerId, invoice_id: id, position, ...lineRow(line) })),
  )
  if (rows.length === 0) return
  await sql`
    insert into invoice_lines (organization_id, customer_id, invoice_id, position, kind, description, price_component_id,
      price_id, billable_metric_id, charge_model, period_start, period_end, units, events_count, unit_amount, amount,
      amount_minor, billed_days, period_days, steps)
    select ${organizationId}, line.* from json_to_recordset(${JSON.stringify(rows)}::json)
      as line (customer_id integer, invoice_id uuid, position integer, kind text, description text,
        price_component_id uuid, price_id uuid, billable_metric_id uuid, charge_model text, period_start timestamptz,
        period_end timestamptz, units numeric, events_count bigint, unit_amount numeric, amount numeric,
        amount_minor numeric, billed_days integer, period_days integer, steps json)`.execute(transaction)
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
    kind: line.kind,
    description: line.description,
    price_component_id: line.componentId,
    price_id: component.priceId,
    billable_metric_id: component.metric?.id ?? null,
    charge_model: component.component.kind === 'usage' ? component.component.charge.model : null,
    period_start: line.periodStart,
    period_end: line.periodEnd,
    billed_days: line.proration?.billedDays ?? null,
    period_days: line.proration?.periodDays ?? null,
    ...ratedColumns(line),
  }
}

// A prorated fee can have no end of digits; the minor units were rounded from the exact value before this cut.
const MAX_STORED_DECIMALS = 30

function ratedColumns(line: RatedLine): Record<string, unknown> {
  return {
    units: line.units.toFixed(),
    events_count: line.eventsCount.toString(),
    unit_amount: line.unitAmount.toDecimalPlaces(MAX_STORED_DECIMALS).toFixed(),
    amount: line.amount.toDecimalPlaces(MAX_STORED_DECIMALS).toFixed(),
    amount_minor: line.amountMinor.toString(),
    steps: stepRecords(line.steps),
  }
}
