import type { OutboxTopic } from '../../db/outbox.ts'
import type { Payload, QueueName } from '../../queues/contracts.ts'

interface Job<Name extends QueueName> {
  readonly queue: Name
  readonly payload: Payload<Name>
}

type LookingJob = Job<'run-lifecycle'> | Job<'issue-invoices'> | Job<'post-transactions'> | Job<'rebuild-usage'>

const LIFECYCLE: LookingJob = { queue: 'run-lifecycle', payload: {} }
const REBUILD: LookingJob = { queue: 'rebuild-usage', payload: {} }
const BILLING: LookingJob = { queue: 'issue-invoices', payload: { task: 'find-due' } }
const POSTING: LookingJob = { queue: 'post-transactions', payload: {} }

/** Which look at once what a domain change may have made due; the schedules would find it a moment later. */
const ROUTES: Partial<Record<OutboxTopic, readonly LookingJob[]>> = {
  'billable_metric.created': [REBUILD],
  'subscription.created': [LIFECYCLE, BILLING],
  'subscription.activated': [BILLING],
  'subscription.cancelled': [LIFECYCLE],
  'subscription.ended': [BILLING],
  'subscription.trial_ended': [BILLING],
  'test_clock.advancing': [LIFECYCLE, BILLING],
  'transactions.accepted': [POSTING],
}

/** The jobs that a batch of announcements asks for, each once. */
export function jobsOf(topics: readonly OutboxTopic[]): readonly LookingJob[] {
  return [...new Set(topics.flatMap((topic) => ROUTES[topic] ?? []))]
}
