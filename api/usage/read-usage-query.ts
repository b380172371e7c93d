import { requireBillableMetric } from '../../db/catalogue/billable-metrics.ts'
import { findCustomerKeys } from '../../db/catalogue/customers.ts'
import { requireOrganization } from '../../db/catalogue/organization.ts'
import type { OrganizationTransaction } from '../../db/connection.ts'
import type { UsageGrouping, UsageReportRequest, UsageScope } from '../../db/usage/report/usage-report.ts'
import { usageMetricOf } from '../../db/usage/usage-metric.ts'
import type { WindowSize } from '../../shared/calendar/windows.ts'
import { AppError, type Issue, validationError } from '../../shared/errors.ts'
import { isFieldName } from '../../shared/metering/property.ts'
import { readInstant } from '../schemas/common.ts'
import { requireTimeZone } from '../schemas/known-names.ts'
import type { UsageQuery } from '../schemas/usage.ts'

/** A usage query, checked; what it names is not looked up yet. */
export interface ReadUsageQuery extends Pick<UsageScope, 'externalSubscriptionIds' | 'filters'> {
  readonly billableMetricCode: string
  readonly externalCustomerIds: readonly string[] | null
  readonly from: Temporal.Instant | null
  readonly to: Temporal.Instant | null
  readonly window: WindowSize | null
  /** Null: the organization's. */
  readonly timeZone: string | null
  readonly grouping: UsageGrouping
}

/**
 * Checks a usage query. `keyCustomerId` is the customer of a key that speaks for one: it sees its own usage and may not
 * ask for that of others. Throws `validation_error` or `forbidden`.
 */
export function readUsageQuery(query: UsageQuery, keyCustomerId: string | null): ReadUsageQuery {
  const filters = Object.entries(query.filter ?? {}).map(([property, values]) => ({ property, values }))
  const groupBy = [...new Set(query.group_by ?? [])]
  const properties = groupBy.filter((name) => name !== BY_CUSTOMER && name !== BY_SUBSCRIPTION)
  refuseUnreadable(properties, filters)
  const from = query.from === undefined ? null : readInstant(query.from, 'from', 'query')
  const to = query.to === undefined ? null : readInstant(query.to, 'to', 'query')
  if (from !== null && to !== null && Temporal.Instant.compare(from, to) >= 0) {
    throw validationError([{ loc: ['query', 'to'], msg: 'must be later than from', type: 'range_empty' }])
  }
  const externalCustomerIds = customersOf(query.external_customer_id, keyCustomerId)
  const externalSubscriptionIds = query.external_subscription_id ?? null
  return {
    billableMetricCode: query.billable_metric_code,
    externalCustomerIds,
    externalSubscriptionIds,
    from,
    to,
    window: query.window ?? null,
    timeZone: query.time_zone === undefined ? null : requireTimeZone(query.time_zone, 'query'),
    grouping: {
      byCustomer: externalCustomerIds !== null || groupBy.includes(BY_CUSTOMER),
      bySubscription: externalSubscriptionIds !== null || groupBy.includes(BY_SUBSCRIPTION),
      properties,
    },
    filters,
  }
}

const BY_CUSTOMER = 'external_customer_id'
const BY_SUBSCRIPTION = 'external_subscription_id'

function customersOf(asked: readonly string[] | undefined, keyCustomerId: string | null): readonly string[] | null {
  if (keyCustomerId === null) return asked ?? null
  if (asked?.some((externalId) => externalId !== keyCustomerId)) {
    throw new AppError('forbidden', `the API key speaks for the customer "${keyCustomerId}" and sees no other's usage`)
  }
  return [keyCustomerId]
}

function refuseUnreadable(properties: readonly string[], filters: UsageScope['filters']): void {
  const issues = [
    ...properties.filter((name) => !isFieldName(name)).map((name) => unreadable('group_by', name)),
    ...filters.filter(({ property }) => !isFieldName(property)).map(({ property }) => unreadable('filter', property)),
  ]
  if (issues.length > 0) throw validationError(issues)
}

function unreadable(field: string, name: string): Issue {
  const msg = `"${name}" must be a name or a dotted path such as usage.model`
  return { loc: ['query', field], msg, type: 'field_path' }
}

/** Looks up what a query names. Throws `billable_metric_not_found`; a customer nobody has named has no usage. */
export async function loadUsageRequest(
  transaction: OrganizationTransaction,
  organizationId: number,
  query: ReadUsageQuery,
): Promise<{ report: UsageReportRequest; timeZone: string }> {
  const metric = usageMetricOf(await requireBillableMetric(transaction, organizationId, query.billableMetricCode))
  const timeZone = query.timeZone ?? (await requireOrganization(transaction, organizationId)).timeZone
  const { externalCustomerIds, externalSubscriptionIds, filters, grouping, from: start, to: end, window } = query
  const customerIds =
    externalCustomerIds === null ? null : await findCustomerKeys(transaction, organizationId, externalCustomerIds)
  const scope = { customerIds, externalSubscriptionIds, filters }
  const windows = window === null ? null : { size: window, timeZone }
  return { report: { metric, start, end, windows, grouping, scope }, timeZone }
}
