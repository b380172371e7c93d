import { aggregateUsage } from './aggregate-usage/worker.ts'
import { deliverWebhooks } from './deliver-webhooks/worker.ts'
import { issueInvoices } from './issue-invoices/worker.ts'
import { postTransactions } from './post-transactions/worker.ts'
import { priceUsage } from './price-usage/worker.ts'
import { rebuildUsage } from './rebuild-usage/worker.ts'
import { relayOutbox } from './relay-outbox/worker.ts'
import { runLifecycle } from './run-lifecycle/worker.ts'

/** Every worker there is; each takes from the queue of its name. */
export const WORKERS = [
  aggregateUsage,
  priceUsage,
  issueInvoices,
  runLifecycle,
  rebuildUsage,
  postTransactions,
  deliverWebhooks,
  relayOutbox,
] as const
