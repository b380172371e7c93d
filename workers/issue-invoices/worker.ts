import { finalizeDrafts } from '../../db/billing/finalize-drafts.ts'
import { setDraftAside, setNoteAside, setSubscriptionAside } from '../../db/billing/set-aside.ts'
import { realNow } from '../../db/clock.ts'
import { withOrganization } from '../../db/connection.ts'
import { eachOrBisect } from '../each-or-bisect.ts'
import { defineWorker } from '../worker-definition.ts'
import { findDueWork } from './find-due-work.ts'
import { issueBills } from './issue-bills.ts'
import { issueNotes } from './issue-notes.ts'

/** Finds what is due, bills chunks of subscriptions, finalizes drafts when their grace is over, and issues notes. */
export const issueInvoices = defineWorker({
  queue: 'issue-invoices',
  concurrency: 2,
  schedule: { everyMs: 1000, payload: { task: 'find-due' } },
  open:
    ({ connection, producer, log }) =>
    async (payload) => {
      switch (payload.task) {
        case 'find-due':
          return { chunks: await findDueWork(connection, producer) }
        case 'issue': {
          const { organizationId, subscriptionIds } = payload
          const invoices = await eachOrBisect(
            subscriptionIds,
            log,
            (ids) => issueBills(connection, organizationId, ids),
            (id) => setSubscriptionAside(connection, { organizationId, id, failedAt: realNow() }),
          )
          return { organizationId, subscriptions: subscriptionIds.length, invoices }
        }
        case 'note': {
          const { organizationId, invoiceIds } = payload
          const notes = await eachOrBisect(
            invoiceIds,
            log,
            (ids) =>
              withOrganization(connection, organizationId, (transaction) =>
                issueNotes(transaction, organizationId, ids),
              ),
            (invoiceId) => setNoteAside(connection, { organizationId, invoiceId, failedAt: realNow() }),
          )
          return { organizationId, notes }
        }
        case 'finalize': {
          const { organizationId, customerIds, invoiceIds } = payload
          const invoices = await eachOrBisect(
            invoiceIds,
            log,
            (ids) =>
              withOrganization(connection, organizationId, (transaction) =>
                finalizeDrafts(transaction, { organizationId, customerIds, invoiceIds: ids, onlyDue: true }),
              ),
            (id) => setDraftAside(connection, { organizationId, customerIds, id, failedAt: realNow() }),
          )
          return { organizationId, invoices }
        }
      }
    },
})
