import { type Connection, withOrganization } from '../connection.ts'

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
