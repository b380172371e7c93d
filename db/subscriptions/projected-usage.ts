import type { BillingPeriod } from '../../shared/calendar/billing-period.ts'
import { laterInstant } from '../../shared/calendar/instant-range.ts'
import type { ComponentUsage } from '../../shared/invoicing/components.ts'
import { projectUsage } from '../../shared/invoicing/project-usage.ts'
import { microsOfInstant } from '../../shared/metering/timestamp.ts'
import { decimal, type Exact } from '../../shared/money/decimal.ts'
import type { LoadedRating } from '../billing/load-rating.ts'
import type { OrganizationTransaction } from '../connection.ts'
import { type CurrentUsage, rateRunningPeriod } from './current-usage.ts'
import type { FoundSubscription } from './require-subscription.ts'

/**
 * What the running period will have used and cost at its end if it goes on as it began, minimums included. Before any
 * of it has passed, what is there already.
 */
export async function rateProjectedUsage(
  transaction: OrganizationTransaction,
  organizationId: number,
  subscription: FoundSubscription,
): Promise<CurrentUsage> {
  return await rateRunningPeriod(transaction, organizationId, subscription, (loaded, now) => ({
    ...loaded.input,
    isRunning: false,
    usage: projected(loaded, factorOf(loaded.input.period, now)),
  }))
}

function projected({ input, components }: LoadedRating, factor: Exact): ReadonlyMap<string, readonly ComponentUsage[]> {
  return new Map(
    [...input.usage].map(([id, portions]) => {
      const metric = components.get(id)?.metric ?? null
      return [id, metric === null ? portions : portions.map((usage) => projectUsage(usage, metric, factor))]
    }),
  )
}

const ONE = decimal('1')

function factorOf(period: BillingPeriod | undefined, now: Temporal.Instant): Exact {
  if (period === undefined) return ONE
  const { start, end } = period
  const [startMicros, endMicros] = [microsOfInstant(start), microsOfInstant(end)]
  const passed = microsOfInstant(laterInstant(start, now)) - startMicros
  const length = endMicros - startMicros
  return passed === 0 || passed >= length ? ONE : decimal(BigInt(length)).div(decimal(BigInt(passed)))
}
