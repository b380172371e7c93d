import type { Announcement, OutboxTopic } from '../../db/outbox.ts'
import type { Payload, QueueName } from '../../queues/contracts.ts'

interface Job<Name extends QueueName> {
  readonly queue: Name
  readonly payload: Payload<Name>
}

type RoutedJob = Job<'run-lifecycle'> | Job<'issue-invoices'> | Job<'post-transactions'> | Job<'rebuild-usage'>

const LIFECYCLE: RoutedJob = { queue: 'run-lifecycle', payload: {} }
const REBUILD: RoutedJob = { queue: 'rebuild-usage', payload: {} }
const BILLING: RoutedJob = { queue: 'issue-invoices', payload: { task: 'find-due' } }
const POSTING: RoutedJob = { queue: 'post-transactions', payload: {} }

/** Which look at once what a domain change may have made due; the schedules would find it a moment later. */
const LOOKS: Partial<Record<OutboxTopic, readonly RoutedJob[]>> = {
  'billable_metric.created': [REBUILD],
  'billable_metric.recounted': [REBUILD],
  'subscription.created': [LIFECYCLE, BILLING],
  'subscription.activated': [BILLING],
  'subscription.cancelled': [LIFECYCLE],
  'subscription.ended': [BILLING],
  'subscription.trial_ended': [BILLING],
  'test_clock.advancing': [LIFECYCLE, BILLING],
  'transactions.accepted': [POSTING],
}

// Usage that named one of these before it was there is listed as unprocessed until then.
const APPEARANCES: ReadonlySet<OutboxTopic> = new Set(['customer.created', 'subscription.created'])

// Usage that was counted may name one of these at a time after the end that it has now.
const ENDS: ReadonlySet<OutboxTopic> = new Set(['subscription.cancelled'])

/** The jobs that a batch of announcements asks for, each once. */
export function jobsOf(announcements: readonly Announcement[]): readonly RoutedJob[] {
  const looks = new Set(announcements.flatMap(({ topic }) => LOOKS[topic] ?? []))
  const byOrganization = Map.groupBy(announcements, ({ organizationId }) => organizationId)
  return [...looks, ...[...byOrganization].flatMap(([organizationId, some]) => listingJobs(organizationId, some))]
}

function listingJobs(organizationId: number, announcements: readonly Announcement[]): readonly RoutedJob[] {
  const customerIds = idsOf(announcements, APPEARANCES, 'customer_id')
  const subscriptionIds = idsOf(announcements, ENDS, 'subscription_id')
  const resolve: RoutedJob = { queue: 'rebuild-usage', payload: { task: 'resolve', organizationId, customerIds } }
  const list: RoutedJob = {
    queue: 'rebuild-usage',
    payload: { task: 'list-after-end', organizationId, subscriptionIds },
  }
  return [...(customerIds.length > 0 ? [resolve] : []), ...(subscriptionIds.length > 0 ? [list] : [])]
}

function idsOf(announcements: readonly Announcement[], topics: ReadonlySet<OutboxTopic>, name: string): string[] {
  const named = announcements.filter(({ topic }) => topics.has(topic))
  return [...new Set(named.map(({ payload }) => String(payload[name])))]
}
