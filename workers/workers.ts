import type { QueueName } from '../queues/contracts.ts'
import type { WorkerDefinition } from './worker-definition.ts'

/**
 * Every worker there is, by the queue of its name, from which it takes. Each is loaded when it is asked for: a process
 * that runs one does not hold the code of the others.
 */
const WORKERS = {
  'aggregate-usage': async () => (await import('./aggregate-usage/worker.ts')).aggregateUsage,
  'price-usage': async () => (await import('./price-usage/worker.ts')).priceUsage,
  'issue-invoices': async () => (await import('./issue-invoices/worker.ts')).issueInvoices,
  'run-lifecycle': async () => (await import('./run-lifecycle/worker.ts')).runLifecycle,
  'rebuild-usage': async () => (await import('./rebuild-usage/worker.ts')).rebuildUsage,
  'post-transactions': async () => (await import('./post-transactions/worker.ts')).postTransactions,
  'deliver-webhooks': async () => (await import('./deliver-webhooks/worker.ts')).deliverWebhooks,
  'relay-outbox': async () => (await import('./relay-outbox/worker.ts')).relayOutbox,
} as const satisfies { readonly [Name in QueueName]: () => Promise<WorkerDefinition<Name>> }

/** The names of all workers. */
export const WORKER_NAMES = Object.keys(WORKERS) as readonly QueueName[]

/** The workers of the names, as what any of them is. */
export async function loadWorkers(names: readonly QueueName[]): Promise<readonly WorkerDefinition[]> {
  // Each definition is checked against its own queue's payload where it is defined.
  return await Promise.all(names.map((name) => WORKERS[name]() as Promise<unknown> as Promise<WorkerDefinition>))
}
