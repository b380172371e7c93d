import type { RatedLine } from '../../shared/invoicing/rated-line.ts'
import { decimal } from '../../shared/money/decimal.ts'
import { type BilledSubscription, listBilledSubscriptions } from '../billing/billed-subscriptions.ts'
import { rateRunning } from '../billing/rate-running.ts'
import { organizationNow } from '../clock.ts'
import type { OrganizationTransaction } from '../connection.ts'
import { statementsOf } from '../statements.ts'
import type { DifferenceLog } from './difference.ts'
import type { UsageSelection } from './usage-selection.ts'

const SUBSCRIPTIONS_PER_PAGE = 100

/**
 * Rates the running periods anew, as of the time they were priced at, and compares units, events, amounts and periods. Left
 * out are customers whose usage or subscriptions have changed since, because they are priced anew with their next usage at
 * the latest. Answers with the number of subscriptions that were compared.
 */
export async function checkRunningCharges(
  transaction: OrganizationTransaction,
  selection: UsageSelection,
  log: DifferenceLog,
): Promise<number> {
  const now = await organizationNow(transaction, selection.organizationId)
  let compared = 0
  for (let after = NO_ID; ; ) {
    const page = await listPriced(transaction, selection, after)
    for (const [pricedAt, priced] of Map.groupBy(page, (row) => (row.pricedAt ?? now).toString())) {
      const subscriptions = await listBilledSubscriptions(transaction, selection.organizationId, priced)
      const asOf = Temporal.Instant.from(pricedAt)
      const charges = await rateRunning(transaction, selection.organizationId, { subscriptions, asOf })
      for (const subscription of subscriptions) {
        const lines = charges.filter((charge) => charge.subscription === subscription).map(({ line }) => line)
        compareSubscription(subscription, { lines, stored: await listStored(transaction, subscription), log })
        compared += 1
      }
    }
    if (page.length < SUBSCRIPTIONS_PER_PAGE) return compared
    after = page.at(-1)?.id ?? NO_ID
  }
}

const NO_ID = '00000000-0000-0000-0000-000000000000'

interface PricedSubscription {
  readonly id: string
  readonly customerId: number
  /** Null where nothing is stored that should be. */
  readonly pricedAt: Temporal.Instant | null
}

// What another machine's clock may differ by, and how long a transaction may have been under way.
const TOLERANCE = `interval '1 minute'`

// All running subscriptions of a customer are priced together. So one of them has charges once another was priced while it
// ran, or usage came while it ran: in real time that tells when, on a test clock it does not.
const IS_PRICED = `
  exists (select from running_charges other where other.customer_id = subscription.customer_id
    and other.written_at > subscription.updated_at + ${TOLERANCE})
  or (clock.organization_id is null and exists (
    select from usage_events event where event.organization_id = $1 and event.customer_id = subscription.customer_id
      and event."timestamp" >= subscription.current_period_start and event."timestamp" < subscription.current_period_end
      and event.received_at > subscription.updated_at + ${TOLERANCE}))`

// In real time a charge is written when it is priced.
const WRITTEN_AT = `
  case when clock.organization_id is null then greatest(charge.written_at, charge.priced_at - ${TOLERANCE})
    else charge.written_at end`

async function listPriced(
  transaction: OrganizationTransaction,
  { organizationId, customerId }: UsageSelection,
  after: string,
): Promise<readonly PricedSubscription[]> {
  const { rows } = await statementsOf(transaction).query<PricedSubscription>(
    `select subscription.id, subscription.customer_id as "customerId", max(charge.priced_at) as "pricedAt"
     from subscriptions subscription
     left join test_clocks clock on clock.organization_id = subscription.organization_id
     left join running_charges charge on charge.customer_id = subscription.customer_id
       and charge.subscription_id = subscription.id
     where subscription.organization_id = $1 and ($2::integer is null or subscription.customer_id = $2)
       and subscription.id > $3 and subscription.current_period_start is not null
       and not exists (select from touched_customers touched where touched.customer_id = subscription.customer_id)
       and not exists (select from unpriced_customers unpriced where unpriced.customer_id = subscription.customer_id)
       -- Who pays for usage that names no subscription may have changed with any of the customer's.
       and not exists (select from subscriptions sibling where sibling.customer_id = subscription.customer_id
                         and sibling.updated_at >= ${WRITTEN_AT})
       and (charge.customer_id is not null or ${IS_PRICED})
     group by subscription.id, subscription.customer_id
     order by subscription.id limit $4`,
    [organizationId, customerId ?? null, after, SUBSCRIPTIONS_PER_PAGE],
  )
  return rows
}

interface StoredCharge {
  readonly key: string
  readonly periodStart: Temporal.Instant
  readonly periodEnd: Temporal.Instant
  readonly units: string
  readonly eventsCount: string
  readonly amount: string
}

async function listStored(
  transaction: OrganizationTransaction,
  { id, customerId }: BilledSubscription,
): Promise<readonly StoredCharge[]> {
  const { rows } = await statementsOf(transaction).query<
    Omit<StoredCharge, 'key'> & {
      componentId: string
      filterId: string | null
      groupedBy: Record<string, string | null>
    }
  >(
    `select price_component_id as "componentId", charge_filter_id as "filterId", grouped_by as "groupedBy",
       period_start as "periodStart", period_end as "periodEnd", units::text as units,
       events_count::text as "eventsCount", amount::text as amount
     from running_charges where customer_id = $1 and subscription_id = $2 order by position`,
    [customerId, id],
  )
  return rows.map(({ componentId, filterId, groupedBy, ...row }) => ({
    ...row,
    key: chargeKey(componentId, filterId, groupedBy),
  }))
}

function compareSubscription(
  { externalId, id, currentPeriodStart }: BilledSubscription,
  { lines, stored, log }: { lines: readonly RatedLine[]; stored: readonly StoredCharge[]; log: DifferenceLog },
): void {
  const rated = lines.map((line) => [lineKey(line), line] as const)
  // Of a period that was billed while it was priced.
  const isOfOneBefore = stored.every(({ periodEnd }) => isBy(periodEnd, currentPeriodStart))
  if (stored.length > 0 && isOfOneBefore) return
  const about = { subscription: externalId || id }
  const left = new Map(stored.map((row) => [row.key, textOf(row)]))
  const right = new Map(rated.map(([key, line]) => [key, textOf(line)]))
  const names = new Map(rated.map(([key, line]) => [key, line.description]))
  for (const key of new Set([...left.keys(), ...right.keys()])) {
    const [one = null, other = null] = [left.get(key), right.get(key)]
    if (one === other) continue
    log.add({
      check: 'running_charges',
      about: { ...about, charge: names.get(key) ?? key },
      stored: one,
      computed: other,
    })
  }
}

function lineKey({ componentId, portion }: RatedLine): string {
  return chargeKey(componentId, portion?.filterId ?? null, portion?.groupedBy ?? {})
}

function chargeKey(
  componentId: string,
  filterId: string | null,
  groupedBy: Readonly<Record<string, string | null>>,
): string {
  const groups = Object.entries(groupedBy).sort(([one], [other]) => (one < other ? -1 : 1))
  return JSON.stringify([componentId, filterId, groups])
}

function isBy(periodEnd: Temporal.Instant, start: Temporal.Instant | null): boolean {
  return start !== null && Temporal.Instant.compare(periodEnd, start) <= 0
}

function textOf(row: StoredCharge | RatedLine): string {
  const [units, amount] = [row.units, row.amount].map((value) => decimal(value.toString()).toFixed())
  return `${units} units of ${row.eventsCount} events for ${amount} from ${row.periodStart} to ${row.periodEnd}`
}
