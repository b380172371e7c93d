import { type RawBuilder, sql } from 'kysely'
import type { Connection, OrganizationTransaction } from '../connection.ts'
import { list } from '../list.ts'
import { lateUsageOf } from './late-usage-policy.ts'
import { notRebuilding } from './not-rebuilding.ts'
import { notSetAside } from './set-aside.ts'
import type { TakenPeriod } from './taken-periods.ts'

/** Reopened periods of one organization that are due for a note, by their invoices. */
export interface DueNotes {
  readonly organizationId: number
  readonly ids: readonly string[]
  /** Changes when they become due again. */
  readonly occasion: string
}

/** A period that gets a note, and who issues it when. */
export interface NotedPeriod extends TakenPeriod {
  readonly issuerId: string
  readonly currency: string
  readonly dueAt: Temporal.Instant
}

/** Periods whose note is due, over all organizations, a chunk per organization. */
export async function listDueNotes(
  connection: Connection,
  { now, limit }: { now: Temporal.Instant; limit: number },
): Promise<DueNotes[]> {
  const { rows } = await sql<DueNotes>`
    select organization_id, array_agg(invoice_id order by invoice_id) as ids,
      md5(string_agg(invoice_id || '@' || due_at, ',' order by invoice_id)) as occasion
    from (select * from (${dueNotes(now)}) due
          where ${notSetAside('due', now)}
          order by due_at limit ${limit}) due
    group by organization_id`.execute(connection)
  return rows
}

/** Takes the marks of those of the periods that are still due, before anything is rated; oldest first. */
export async function takeDueNotes(
  transaction: OrganizationTransaction,
  organizationId: number,
  { now, invoiceIds }: { now: Temporal.Instant; invoiceIds: readonly string[] },
): Promise<NotedPeriod[]> {
  const { rows } = await sql<NotedPeriod>`
    with due as (
      select * from (${dueNotes(now)}) due
      where organization_id = ${organizationId} and invoice_id = any(${list(invoiceIds)}::uuid[])),
    taken as (
      delete from reopened_periods period using due
      where period.customer_id = due.customer_id and period.invoice_id = due.invoice_id
      returning period.invoice_id)
    select due.* from due join taken using (invoice_id) order by due_at, period_start, invoice_id`.execute(transaction)
  return rows
}

/**
 * Reopened periods that no next invoice will bill, because of the policy or because there is none, and that have waited for
 * more late usage as long as a draft does. While a metric is being counted anew they wait for it.
 */
export function dueNotes(now: Temporal.Instant): RawBuilder<unknown> {
  const dueAt = sql`period.reopened_at + make_interval(secs => issuer.grace_period_seconds)`
  return sql`
    select period.organization_id, period.customer_id, period.invoice_id, period.subscription_id, period.reopened_at,
      period.billing_failed_at, billed.period_start, billed.period_end, billed.time_zone, billed.issuer_id,
      billed.currency, billed.late_usage, ${dueAt} as due_at
    -- First the few that await no invoice, then theirs by key: the planner may take them for half of the table.
    from (
      select organization_id, customer_id, invoice_id, subscription_id, reopened_at, billing_failed_at
      from reopened_periods where not awaits_invoice offset 0) period
    cross join lateral (
      select invoice.period_start, invoice.period_end, invoice.time_zone, invoice.issuer_id, invoice.currency,
        ${lateUsageOf('subscription')} as late_usage
      from invoices invoice join subscriptions subscription on subscription.id = period.subscription_id
      where invoice.customer_id = period.customer_id and invoice.id = period.invoice_id and invoice.status = 'finalized'
        and (${lateUsageOf('subscription')} = 'note' or (subscription.next_billing_at is null and not exists (
          select from invoices draft where draft.subscription_id = subscription.id and draft.status = 'draft')))
      offset 0) billed
    join issuers issuer on issuer.id = billed.issuer_id
    left join test_clocks clock on clock.organization_id = period.organization_id
    where ${dueAt} <= coalesce(clock.frozen_time, ${now.toString()}::timestamptz) and ${notRebuilding('period')}`
}
