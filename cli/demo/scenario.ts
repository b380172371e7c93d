import { type DemoPlan, PLANS } from './price-list.ts'
import { type Random, seededRandom } from './seeded-random.ts'
import type { UsageRequest } from './usage-request.ts'

export interface DemoCustomer {
  readonly externalId: string
  readonly plan: DemoPlan
}

/** All that a run sends; the same requests and seed give the same scenario. */
export interface Scenario {
  readonly customers: readonly DemoCustomer[]
  readonly requests: readonly UsageRequest[]
  /** By position in `requests`: who made it. */
  readonly madeBy: readonly DemoCustomer[]
  /** The months that hold requests and those between, each by its first day as `2023-11-01`. */
  readonly months: readonly string[]
  readonly seed: number
}

/** Gives every request to one of the customers, so that a few are big and many are small. */
export function scenarioOf({
  requests,
  customerCount,
  seed,
}: {
  requests: readonly UsageRequest[]
  customerCount: number
  seed: number
}): Scenario {
  const customers = Array.from({ length: customerCount }, (_, index) => customerAt(index, customerCount))
  const draw = heavyTailed(customers, seededRandom(seed, 'customers'))
  return { customers, requests, madeBy: requests.map(() => draw()), months: monthsOf(requests), seed }
}

/** The first day of the month after that of a first day. */
export function monthAfter(firstDay: string): string {
  return Temporal.PlainDate.from(firstDay).add({ months: 1 }).toString()
}

function customerAt(index: number, count: number): DemoCustomer {
  const number = String(index + 1).padStart(String(count).length, '0')
  return { externalId: `customer-${number}`, plan: PLANS[index % PLANS.length] as DemoPlan }
}

// Zipf's law: the n-th customer makes a share of requests in proportion to 1/n.
function heavyTailed(customers: readonly DemoCustomer[], random: Random): () => DemoCustomer {
  let sum = 0
  const bounds = customers.map((_, index) => (sum += 1 / (index + 1)))
  return () => {
    const point = random() * sum
    return customers[bounds.findIndex((bound) => bound > point)] as DemoCustomer
  }
}

function monthsOf(requests: readonly UsageRequest[]): string[] {
  const months = requests.map(({ timestamp }) => `${timestamp.slice(0, 7)}-01`)
  const first = months.reduce((least, month) => (month < least ? month : least))
  const last = months.reduce((most, month) => (month > most ? month : most))
  const result = [first]
  for (let month = monthAfter(first); month <= last; month = monthAfter(month)) result.push(month)
  return result
}
