import type { Payload, QueueName } from '../queues/contracts.ts'
import type { WorkerContext } from './context.ts'

/** A worker: the queue it takes from, how many jobs at once, and what it does with one. */
export interface WorkerDefinition<Name extends QueueName = QueueName> {
  readonly queue: Name
  /** Jobs in flight per partition of the queue. */
  readonly concurrency: number
  /** Present: one job with this payload is added every so often, for work that time makes due. */
  readonly schedule?: { readonly everyMs: number; readonly payload: Payload<Name> }
  /** Called once per process; answers with the function that runs a job. It may run twice and may die anywhere. */
  open(context: WorkerContext): (payload: Payload<Name>) => Promise<JobOutcome>
}

/** What one job did, for its log line. */
export type JobOutcome = Readonly<Record<string, string | number | boolean>>

/** Keeps the payload's type tied to the queue's name. */
export function defineWorker<const Name extends QueueName>(definition: WorkerDefinition<Name>): WorkerDefinition<Name> {
  return definition
}
