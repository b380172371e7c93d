import { type EstimatedFee, estimateFees } from '../../db/billing/estimate-fees.ts'
import { type BillableMetric, listMetricsOfEventCode } from '../../db/catalogue/billable-metrics.ts'
import { requireCustomer } from '../../db/catalogue/customers.ts'
import { organizationNow } from '../../db/clock.ts'
import type { OrganizationTransaction } from '../../db/connection.ts'
import { requireNamedSubscription } from '../../db/subscriptions/named-subscription.ts'
import { findRebuildProgressOfAny, type RebuildProgress } from '../../db/usage/rebuild-progress.ts'
import { AppError, type Issue, validationError } from '../../shared/errors.ts'
import type { Unusable } from '../../shared/metering/aggregation.ts'
import { contributionOf } from '../../shared/metering/contribution.ts'
import type { UsageEvent } from '../../shared/metering/usage-event.ts'
import { unusableText } from './unusable-text.ts'

/** A metric that reads events of the code and cannot use this one. */
interface UnusableFor extends Unusable {
  readonly metric: BillableMetric
}

/** What an event would cost, and which metrics could not use it. */
export interface EventEstimate {
  readonly fees: readonly EstimatedFee[]
  readonly unusable: readonly UnusableFor[]
  readonly rebuilding: RebuildProgress | undefined
}

/**
 * What an event would cost if it were sent. What would only make it an unprocessed event is an error here: an unknown
 * customer, subscription or code, and a value that none of its metrics can use.
 */
export async function estimateEvent(
  transaction: OrganizationTransaction,
  organizationId: number,
  event: UsageEvent,
): Promise<EventEstimate> {
  const { customerId } = await requireCustomer(transaction, organizationId, event.externalCustomerId)
  const { externalSubscriptionId: externalId } = event
  if (externalId !== null) await requireNamedSubscription(transaction, organizationId, { customerId, externalId })
  const metrics = await listMetricsOfEventCode(transaction, organizationId, event.code)
  const unusable = requireUsable(event, metrics)
  const now = await organizationNow(transaction, organizationId)
  const fees = await estimateFees(transaction, organizationId, { customerId, event, now })
  const metricIds = metrics.map(({ id }) => id)
  return { fees, unusable, rebuilding: await findRebuildProgressOfAny(transaction, organizationId, metricIds) }
}

function requireUsable(event: UsageEvent, metrics: readonly BillableMetric[]): UnusableFor[] {
  if (metrics.length === 0) {
    throw new AppError('billable_metric_not_found', `no billable metric reads events of the code "${event.code}"`)
  }
  const unusable = metrics.flatMap((metric): UnusableFor[] => {
    const contribution = contributionOf(event, metric)
    return 'reason' in contribution ? [{ ...contribution, metric }] : []
  })
  if (unusable.length === metrics.length) throw validationError(unusable.map(issueOf))
  return unusable
}

// An expression names the whole path of what it reads, a field stands in the properties.
function issueOf({ metric, ...unusable }: UnusableFor): Issue {
  const { field } = unusable.details
  const path = typeof field === 'string' ? field.split('.') : []
  const loc = ['body', 'event', ...(metric.expression === null ? ['properties', ...path] : path)]
  return { loc, msg: `the metric "${metric.code}" cannot use it: ${unusableText(unusable)}`, type: unusable.reason }
}
