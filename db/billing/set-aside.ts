import { type RawBuilder, sql } from 'kysely'
import { type Connection, withOrganization } from '../connection.ts'

// What failed by itself is tried anew after this time; its job retries it before.
const SET_ASIDE_SECONDS = 3600

/** Whether a row is due as far as failures go; `row` is the name that a query has for it. */
export function notSetAside(row: string, now: Temporal.Instant): RawBuilder<boolean> {
  const failedAt = sql.ref(`${row}.billing_failed_at`)
  return sql`(${failedAt} is null
    or ${failedAt} <= ${now.toString()}::timestamptz - make_interval(secs => ${SET_ASIDE_SECONDS}))`
}

interface Failure {
  readonly organizationId: number
  readonly id: string
  /** In real time. */
  readonly failedAt: Temporal.Instant
}

/**
 * Notes that the bill of a subscription failed by itself. For an hour it is not listed as due, so that any number of such
 * cannot keep the others from being seen. The note goes with the success.
 */
export async function setSubscriptionAside(
  connection: Connection,
  { organizationId, id, failedAt }: Failure,
): Promise<void> {
  await withOrganization(connection, organizationId, async (transaction) => {
    await transaction
      .updateTable('subscriptions')
      .set({ billingFailedAt: failedAt.toString() })
      .where('organizationId', '=', organizationId)
      .where('id', '=', id)
      .execute()
  })
}

/**
 * The same of a draft of one of the customers whose last rating failed. One that has become final in the meantime is left
 * alone.
 */
export async function setDraftAside(
  connection: Connection,
  { organizationId, customerIds, id, failedAt }: Failure & { readonly customerIds: readonly number[] },
): Promise<void> {
  await withOrganization(connection, organizationId, async (transaction) => {
    await transaction
      .updateTable('invoices')
      .set({ billingFailedAt: failedAt.toString() })
      .where('organizationId', '=', organizationId)
      .where('customerId', 'in', customerIds)
      .where('id', '=', id)
      .where('status', '=', 'draft')
      .execute()
  })
}

/** The same of a reopened period, by its invoice, whose note failed. */
export async function setNoteAside(
  connection: Connection,
  { organizationId, invoiceId, failedAt }: Omit<Failure, 'id'> & { readonly invoiceId: string },
): Promise<void> {
  await withOrganization(connection, organizationId, async (transaction) => {
    await transaction
      .updateTable('reopenedPeriods')
      .set({ billingFailedAt: failedAt.toString() })
      .where('organizationId', '=', organizationId)
      .where('invoiceId', '=', invoiceId)
      .execute()
  })
}
