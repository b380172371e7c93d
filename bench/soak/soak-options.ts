import { parseArgs } from 'node:util'
import { wholeNumber } from '../whole-number.ts'

const USAGE = 'npm run bench:soak -- [--seconds N] [--measured-seconds N] [--share N] [--only postgres|redis]'

export interface SoakOptions {
  readonly seconds: number
  /** How long the rate is measured: one that holds while tables and checkpoints grow, not that of an empty database. */
  readonly measuredSeconds: number
  /** Percent of the rate that is measured before. */
  readonly share: number
  readonly backend: 'postgres' | 'redis'
}

/** Reads the command line. Throws with the usage when it is wrong. */
export function readSoakOptions(): SoakOptions {
  const text = { type: 'string' } as const
  const { values } = parseArgs({ options: { seconds: text, 'measured-seconds': text, share: text, only: text } })
  const backend = values.only ?? 'redis'
  if (backend !== 'postgres' && backend !== 'redis') throw new Error(`--only takes postgres or redis: ${USAGE}`)
  return {
    seconds: wholeNumber('seconds', values.seconds ?? '600', { most: 86_400, usage: USAGE }),
    measuredSeconds: wholeNumber('measured-seconds', values['measured-seconds'] ?? '120', {
      most: 3_600,
      usage: USAGE,
    }),
    share: wholeNumber('share', values.share ?? '80', { most: 100, usage: USAGE }),
    backend,
  }
}
