import { assert } from '../../shared/errors.ts'
import { describePortion, portionOf, unorderedPortionKey } from '../../shared/invoicing/portions.ts'
import { contributionOf } from '../../shared/metering/contribution.ts'
import { dimensionsOf } from '../../shared/metering/count-event.ts'
import { isoOfMicros } from '../../shared/metering/timestamp.ts'
import { askUsage } from '../billing/load-rating.ts'
import { listPeriodsAt } from '../billing/open-periods.ts'
import { slicesOfSupposedEvent } from '../billing/supposed-event.ts'
import { type BillableMetric, listMetricsOfEventCode } from '../catalogue/billable-metrics.ts'
import type { OrganizationTransaction } from '../connection.ts'
import type { StoredUsageEvent } from '../usage/usage-events.ts'
import { type BillingLine, listBillingLines } from './billing-lines.ts'
import { hasReached } from './counted-metrics.ts'

/** What a metric has counted an event as, and where that is billed. */
export interface CountedTowards {
  readonly metricCode: string
  /** The value that was read, as decimal text; of a distinct count the item. */
  readonly value: string
  /** The values of the properties that the metric's usage is told apart by. */
  readonly dimensions: Readonly<Record<string, string>>
  readonly charges: readonly ChargeOfEvent[]
}

/** A charge in a period whose price an event is part of. */
export interface ChargeOfEvent {
  readonly subscription: { readonly id: string; readonly externalId: string }
  readonly componentId: string
  readonly filterId: string | null
  readonly groupedBy: Readonly<Record<string, string | null>>
  readonly description: string
  readonly periodStart: Temporal.Instant
  readonly periodEnd: Temporal.Instant
  /** The invoice of the period; null while it runs. */
  readonly invoiceId: string | null
  /** The lines that bill it: those of the invoice, then what corrects them. */
  readonly lines: readonly BillingLine[]
}

/**
 * What a live row counts towards. A metric that does not count it, by an entry among the unprocessed events or because a
 * rebuild has still to reach it, is left out; one that no charge prices has none.
 */
export async function listCountedTowards(
  transaction: OrganizationTransaction,
  organizationId: number,
  stored: StoredUsageEvent,
  /** Metrics with an entry of the row. */
  uncountedMetricIds: ReadonlySet<string | null>,
): Promise<CountedTowards[]> {
  const metrics = await listMetricsOfEventCode(transaction, organizationId, stored.event.code)
  const counting = metrics.filter((metric) => !uncountedMetricIds.has(metric.id) && hasReached(metric, stored))
  if (counting.length === 0) return []
  const charges = await listCharges(transaction, organizationId, stored)
  return counting.flatMap((metric) => countedBy(metric, stored, charges.get(metric.id) ?? []))
}

function countedBy(
  metric: BillableMetric,
  { event }: StoredUsageEvent,
  charges: readonly ChargeOfEvent[],
): CountedTowards[] {
  const read = contributionOf(event, metric)
  if (!('value' in read)) return []
  return [{ metricCode: metric.code, value: read.value, dimensions: dimensionsOf(event, metric), charges }]
}

async function listCharges(
  transaction: OrganizationTransaction,
  organizationId: number,
  { customerId, event }: StoredUsageEvent,
): Promise<ReadonlyMap<string, readonly ChargeOfEvent[]>> {
  const at = Temporal.Instant.from(isoOfMicros(event.timestampMicros))
  const periods = await listPeriodsAt(transaction, organizationId, { customerId, at })
  const { asked, questions } = await askUsage(
    transaction,
    organizationId,
    periods.map(({ request }) => request),
  )
  const invoiceIds = periods.flatMap(({ invoiceId }) => invoiceId ?? [])
  const lines = await listBillingLines(transaction, organizationId, { customerId, invoiceIds })
  // What is carried on from period to period counts in its own.
  const own = questions.filter(({ carried }) => !carried)
  const charges = slicesOfSupposedEvent({ customerId, event }, own).map(({ position, dimensions }) => {
    const answered = asked[own[position]?.asked ?? -1]
    const period = periods[answered?.request ?? -1]
    assert(answered !== undefined && period?.request.period !== undefined, 'a slice answers no question')
    const { component, metric } = answered
    const portion = portionOf(component, dimensions)
    const { subscription, period: time } = period.request
    const key = unorderedPortionKey(portion)
    const ofCharge = lines.filter(
      (line) =>
        line.periodInvoiceId === period.invoiceId &&
        line.componentId === component.id &&
        unorderedPortionKey(line) === key,
    )
    const charge: ChargeOfEvent = {
      subscription,
      componentId: component.id,
      ...portion,
      description: describePortion(component, portion),
      periodStart: time.start,
      periodEnd: time.end,
      invoiceId: period.invoiceId,
      lines: ofCharge,
    }
    return { metricId: metric.id, charge }
  })
  return new Map(
    [...Map.groupBy(charges, ({ metricId }) => metricId)].map(([id, found]) => [id, found.map(({ charge }) => charge)]),
  )
}
