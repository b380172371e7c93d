import { type RawBuilder, sql } from 'kysely'
import type { RatedLine } from '../../shared/invoicing/rated-line.ts'
import { rateLateUsage } from '../billing/late-usage.ts'
import { notRebuilding } from '../billing/not-rebuilding.ts'
import type { TakenPeriod } from '../billing/taken-periods.ts'
import type { OrganizationTransaction } from '../connection.ts'
import type { DifferenceLog } from './difference.ts'
import type { UsageSelection } from './usage-selection.ts'

const PERIODS_PER_PAGE = 100

/**
 * Rates closed periods anew, as late usage is rated, and compares with what was billed of them so far. Left out are periods
 * that are marked as reopened, or whose customer's mark of changed usage nobody has taken yet: what they cost more or less is
 * billed yet; periods whose price looks at archived events; and all while a metric is being counted anew.
 */
export async function checkBilledUsage(
  transaction: OrganizationTransaction,
  selection: UsageSelection,
  log: DifferenceLog,
): Promise<void> {
  for (let after = NO_ID; ; ) {
    const page = await listClosedPeriods(transaction, selection, after)
    const rated = page.filter(({ strangeLines }) => strangeLines === '0')
    const late = await rateLateUsage(transaction, selection.organizationId, rated)
    for (const { invoiceId, number, strangeLines } of page) {
      if (strangeLines !== '0') {
        const stored = `${strangeLines} lines for usage that its plan does not charge`
        log.add({ check: 'billed_usage', about: { invoice: number }, stored, computed: null })
      }
      for (const { line } of late.get(invoiceId) ?? []) {
        const about = { invoice: number, line: line.description }
        log.add({ check: 'billed_usage', about, stored: null, computed: lineText(line) })
      }
    }
    if (page.length < PERIODS_PER_PAGE) return
    after = page.at(-1)?.invoiceId ?? NO_ID
  }
}

const NO_ID = '00000000-0000-0000-0000-000000000000'

interface ClosedPeriod extends TakenPeriod {
  /** Of the invoice. */
  readonly number: string
  /** How many lines bill usage that the plan does not charge, which cannot be compared. */
  readonly strangeLines: string
}

async function listClosedPeriods(
  transaction: OrganizationTransaction,
  { organizationId, customerId }: UsageSelection,
  after: string,
): Promise<readonly ClosedPeriod[]> {
  const { rows } = await sql<ClosedPeriod>`
    select invoice.id as invoice_id, invoice.customer_id, invoice.subscription_id, invoice.issued_at as reopened_at,
      invoice.period_start, invoice.period_end, invoice.time_zone, invoice.number,
      (select count(*) from (
         select price_component_id from invoice_lines
         where customer_id = invoice.customer_id and invoice_id = invoice.id and kind in ('usage', 'minimum_spend')
         union all select price_component_id from invoice_lines where corrects_invoice_id = invoice.id
         union all select price_component_id from credit_note_lines where corrects_invoice_id = invoice.id) line
       where not exists (select from price_components component where component.id = line.price_component_id
         and component.plan_version_id = subscription.plan_version_id and component.kind = 'usage')) as strange_lines
    from invoices invoice
    -- Those of another customer are told where documents are compared with their subscriptions.
    join subscriptions subscription on subscription.id = invoice.subscription_id
      and subscription.customer_id = invoice.customer_id
    where invoice.organization_id = ${organizationId} and invoice.id > ${after} and ${isOf(customerId)}
      and invoice.kind = 'subscription_cycle' and invoice.status = 'finalized' and invoice.holds_claim
      and exists (select from price_components component
        where component.plan_version_id = subscription.plan_version_id and component.kind = 'usage')
      and not exists (select from reopened_periods reopened
        where reopened.customer_id = invoice.customer_id and reopened.invoice_id = invoice.id)
      and not exists (select from touched_customers touched where touched.customer_id = invoice.customer_id)
      and ${notRebuilding('invoice')}
    order by invoice.id limit ${PERIODS_PER_PAGE}`.execute(transaction)
  return rows
}

function isOf(customerId: number | undefined): RawBuilder<boolean> {
  return customerId === undefined ? sql`true` : sql`invoice.customer_id = ${customerId}`
}

function lineText({ units, eventsCount, amountMinor, currency }: RatedLine): string {
  return `${units.toFixed()} units of ${eventsCount} events for ${amountMinor} minor units of ${currency} more`
}
