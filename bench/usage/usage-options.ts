import { parseArgs } from 'node:util'
import { wholeNumber } from '../whole-number.ts'

const USAGE = 'npm run bench:usage -- [--events N] [--customers N] [--requests N] [--json]'

export interface UsageOptions {
  /** Events of the large customer. */
  readonly events: number
  /** Distinct values among them: a tenth. */
  readonly distinctValues: number
  /** Customers with a few events each that share the tables. */
  readonly customers: number
  /** Requests that are measured, for each of the two customers. */
  readonly requests: number
  readonly json: boolean
}

/** Reads the command line. Throws with the usage when it is wrong. */
export function readUsageOptions(): UsageOptions {
  const text = { type: 'string' } as const
  const { values } = parseArgs({
    options: { events: text, customers: text, requests: text, json: { type: 'boolean' } },
  })
  const events = wholeNumber('events', values.events ?? '10000000', { most: 100_000_000, usage: USAGE })
  return {
    events,
    distinctValues: Math.max(1, Math.floor(events / 10)),
    customers: wholeNumber('customers', values.customers ?? '2000', { most: 100_000, usage: USAGE }),
    requests: wholeNumber('requests', values.requests ?? '500', { most: 100_000, usage: USAGE }),
    json: values.json ?? false,
  }
}
