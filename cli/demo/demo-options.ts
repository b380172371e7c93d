import { parseArgs } from 'node:util'

export interface DemoOptions {
  /** A trace to replay instead of the built-in generator's. */
  readonly file: string | undefined
  readonly requests: number
  readonly customers: number
  readonly seed: number
  /** End when the invoices are checked, instead of staying up. */
  readonly once: boolean
  /** End with one line of JSON on the standard output, all else on the error output. */
  readonly json: boolean
}

const USAGE = `npm run demo -- [--file TRACE.csv | --requests N] [--customers N] [--seed N] [--once] [--json]`

const FULL_RUN = { requests: 50_000, customers: 200 }
const SHORT_RUN = { requests: 5_000, customers: 50 }

/** Reads the words behind `npm run demo --`. Throws with what is wrong and how the command is used. */
export function parseDemoOptions(words: readonly string[]): DemoOptions {
  const { once = false, json = false, file, ...values } = readWords(words)
  if (file !== undefined && values.requests !== undefined) {
    throw new Error(`--file and --requests exclude each other: ${USAGE}`)
  }
  const run = once ? SHORT_RUN : FULL_RUN
  return {
    file,
    once,
    json,
    requests: wholeNumber('requests', values.requests, { fallback: run.requests, least: 1, most: 10_000_000 }),
    customers: wholeNumber('customers', values.customers, { fallback: run.customers, least: 1, most: 10_000 }),
    seed: wholeNumber('seed', values.seed, { fallback: 1, least: 0, most: 2 ** 31 - 1 }),
  }
}

function readWords(words: readonly string[]) {
  const text = { type: 'string' } as const
  const flag = { type: 'boolean' } as const
  try {
    return parseArgs({
      args: [...words],
      options: { file: text, requests: text, customers: text, seed: text, once: flag, json: flag },
    }).values
  } catch (error) {
    throw new Error(`${error instanceof Error ? error.message : String(error)}: ${USAGE}`, { cause: error })
  }
}

function wholeNumber(
  name: string,
  text: string | undefined,
  { fallback, least, most }: { fallback: number; least: number; most: number },
): number {
  if (text === undefined) return fallback
  const value = Number(text)
  if (/^\d+$/.test(text) && value >= least && value <= most) return value
  throw new Error(`--${name} is "${text}"; it takes a whole number from ${least} to ${most}.`)
}
