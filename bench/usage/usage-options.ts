import { parseArgs } from 'node:util'

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
  const events = wholeNumber('events', values.events ?? '10000000', 100_000_000)
  return {
    events,
    distinctValues: Math.max(1, Math.floor(events / 10)),
    customers: wholeNumber('customers', values.customers ?? '2000', 100_000),
    requests: wholeNumber('requests', values.requests ?? '500', 100_000),
    json: values.json ?? false,
  }
}

function wholeNumber(name: string, text: string, most: number): number {
  const value = Number(text)
  if (/^\d+$/.test(text) && value >= 1 && value <= most) return value
  throw new Error(`--${name} is "${text}"; it takes a whole number from 1 to ${most}: ${USAGE}`)
}
