import { type SelectQueryBuilder, sql } from 'kysely'
import type { OrganizationTransaction } from '../connection.ts'
import { listUnprocessedEvents } from '../events/unprocessed-events.ts'
import type { UnprocessedReason } from '../schema.ts'

/** What a message is about: its id, and what a receiver should not have to ask for. Minor units end in `Cents`. */
export interface Subject {
  readonly id: string
  readonly [field: string]: string | Temporal.Instant | null | readonly Readonly<Record<string, string | null>>[]
}

/** Loads the subjects of one kind, as they are now, by their ids. */
type LoadSubjects = (
  transaction: OrganizationTransaction,
  organizationId: number,
  ids: readonly string[],
) => Promise<Subject[]>

/**
 * The kinds of subjects; an announcement `<kind>.<what happened>` carries the id as `<kind>_id`. What could not be
 * counted goes by its reason.
 */
export const SUBJECTS: Readonly<Record<string, LoadSubjects>> = {
  billable_metric: byId('billableMetrics', (transaction) =>
    transaction.selectFrom('billableMetrics').select(['id', 'code as billableMetricCode', 'name', 'aggregation']),
  ),
  credit_note: byId('n', (transaction) =>
    transaction
      .selectFrom('creditNotes as n')
      .innerJoin('customers as c', 'c.customerId', 'n.customerId')
      .select(['n.id', 'n.number', 'n.reason', 'c.externalId as externalCustomerId', 'n.subscriptionId', 'n.invoiceId'])
      .select(['n.currency', 'n.subtotalMinor as subtotalCents', 'n.taxMinor as taxCents'])
      .select(['n.totalMinor as totalCents', 'n.issuedAt']),
  ),
  customer: byId('customers', (transaction) =>
    transaction
      .selectFrom('customers')
      .select(['id', 'externalId as externalCustomerId', 'name', 'currency', 'timeZone']),
  ),
  event_correction: byId('r', (transaction) =>
    transaction
      .selectFrom('eventCorrections as r')
      .innerJoin('usageEvents as e', (join) =>
        join
          .onRef('e.customerId', '=', 'r.customerId')
          .onRef('e.timestamp', '=', 'r.timestamp')
          .onRef('e.eventKey', '=', 'r.eventKey'),
      )
      .innerJoin('customers as c', 'c.customerId', 'r.customerId')
      .select(['r.id', 'r.kind', 'r.reason', 'e.transactionId', 'e.source', 'e.code'])
      .select(['c.externalId as externalCustomerId', 'r.timestamp', 'r.replacementTimestamp']),
  ),
  events: (transaction, organizationId, reasons) =>
    Promise.all(reasons.map((reason) => unprocessedSample(transaction, organizationId, reason as UnprocessedReason))),
  invoice: byId('i', (transaction) =>
    transaction
      .selectFrom('invoices as i')
      .innerJoin('customers as c', 'c.customerId', 'i.customerId')
      .select(['i.id', 'i.number', 'i.status', 'i.kind', 'c.externalId as externalCustomerId', 'i.subscriptionId'])
      .select(['i.correctsInvoiceId', 'i.currency', 'i.subtotalMinor as subtotalCents', 'i.taxMinor as taxCents'])
      .select(['i.totalMinor as totalCents', 'i.periodStart', 'i.periodEnd', 'i.issuedAt', 'i.finalizedAt', 'i.dueAt']),
  ),
  plan: byId('plans', (transaction) =>
    transaction.selectFrom('plans').select(['id', 'code as planCode', 'name', 'archivedAt']),
  ),
  subscription: byId('s', (transaction) =>
    transaction
      .selectFrom('subscriptions as s')
      .innerJoin('customers as c', 'c.customerId', 's.customerId')
      .innerJoin('planVersions as v', 'v.id', 's.planVersionId')
      .innerJoin('plans as p', 'p.id', 'v.planId')
      .select(['s.id', 's.externalId as externalSubscriptionId', 'c.externalId as externalCustomerId', 's.status'])
      .select(['p.code as planCode', 's.currency', 's.startedAt', 's.endedAt'])
      .select(['s.currentPeriodStart', 's.currentPeriodEnd']),
  ),
  // Without its URL, which may hold a secret that other receivers have no business with.
  webhook_endpoint: byId('webhookEndpoints', (transaction) =>
    transaction.selectFrom('webhookEndpoints').select(['id', 'description', 'disabledReason', 'failingSince']),
  ),
}

/** `table` is the name that the query has for what the ids are of. */
function byId<Tables, Name extends keyof Tables, Row extends Subject>(
  table: string,
  select: (transaction: OrganizationTransaction) => SelectQueryBuilder<Tables, Name, Row>,
): LoadSubjects {
  return (transaction, organizationId, ids) =>
    select(transaction)
      .where(sql.ref<number>(`${table}.organizationId`), '=', organizationId)
      .where(sql.ref<string>(`${table}.id`), 'in', ids)
      .execute()
}

const SAMPLE_SIZE = 5

async function unprocessedSample(
  transaction: OrganizationTransaction,
  organizationId: number,
  reason: UnprocessedReason,
): Promise<Subject> {
  const page = { limit: SAMPLE_SIZE, after: undefined, reason }
  const { rows } = await listUnprocessedEvents(transaction, organizationId, page)
  const sample = rows.map((row) => ({
    id: row.id,
    transaction_id: row.transactionId,
    external_customer_id: row.externalCustomerId,
    code: row.code,
    timestamp: row.timestamp.toString(),
    billable_metric_code: row.billableMetricCode,
  }))
  return { id: reason, sample }
}
