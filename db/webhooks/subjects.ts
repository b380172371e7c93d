import type { OrganizationTransaction } from '../connection.ts'

/** What a message is about: its id, and what a receiver should not have to ask for. Minor units end in `Cents`. */
export interface Subject {
  readonly id: string
  readonly [field: string]: string | Temporal.Instant | null
}

/** Loads the subjects of one kind, as they are now, by their ids. */
type LoadSubjects = (
  transaction: OrganizationTransaction,
  organizationId: number,
  ids: readonly string[],
) => Promise<Subject[]>

/** The kinds of subjects; an announcement `<kind>.<what happened>` carries the id as `<kind>_id`. */
export const SUBJECTS: Readonly<Record<string, LoadSubjects>> = {
  billable_metric: (transaction, organizationId, ids) =>
    transaction
      .selectFrom('billableMetrics')
      .select(['id', 'code as billableMetricCode', 'name', 'aggregation'])
      .where('organizationId', '=', organizationId)
      .where('id', 'in', ids)
      .execute(),
  customer: (transaction, organizationId, ids) =>
    transaction
      .selectFrom('customers')
      .select(['id', 'externalId as externalCustomerId', 'name', 'currency', 'timeZone'])
      .where('organizationId', '=', organizationId)
      .where('id', 'in', ids)
      .execute(),
  invoice: (transaction, organizationId, ids) =>
    transaction
      .selectFrom('invoices as i')
      .innerJoin('customers as c', 'c.customerId', 'i.customerId')
      .select(['i.id', 'i.number', 'i.status', 'i.kind', 'c.externalId as externalCustomerId', 'i.subscriptionId'])
      .select(['i.currency', 'i.subtotalMinor as subtotalCents', 'i.taxMinor as taxCents'])
      .select(['i.totalMinor as totalCents', 'i.periodStart', 'i.periodEnd', 'i.issuedAt', 'i.finalizedAt', 'i.dueAt'])
      .where('i.organizationId', '=', organizationId)
      .where('i.id', 'in', ids)
      .execute(),
  plan: (transaction, organizationId, ids) =>
    transaction
      .selectFrom('plans')
      .select(['id', 'code as planCode', 'name', 'archivedAt'])
      .where('organizationId', '=', organizationId)
      .where('id', 'in', ids)
      .execute(),
  subscription: (transaction, organizationId, ids) =>
    transaction
      .selectFrom('subscriptions as s')
      .innerJoin('customers as c', 'c.customerId', 's.customerId')
      .innerJoin('planVersions as v', 'v.id', 's.planVersionId')
      .innerJoin('plans as p', 'p.id', 'v.planId')
      .select(['s.id', 's.externalId as externalSubscriptionId', 'c.externalId as externalCustomerId', 's.status'])
      .select(['p.code as planCode', 's.currency', 's.startedAt', 's.endedAt'])
      .select(['s.currentPeriodStart', 's.currentPeriodEnd'])
      .where('s.organizationId', '=', organizationId)
      .where('s.id', 'in', ids)
      .execute(),
}
