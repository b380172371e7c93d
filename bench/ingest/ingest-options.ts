import { parseArgs } from 'node:util'
import { wholeNumber } from '../whole-number.ts'

const USAGE =
  'npm run bench:ingest -- [--events N] [--batch N] [--connections N] [--seconds N] [--only postgres|redis] [--json]'

export interface IngestOptions {
  /** Events of the largest run; the others are fractions of it. */
  readonly events: number
  /** Events per request. */
  readonly batch: number
  /** Connections that batches are sent over. */
  readonly connections: number
  /** Length of the paced run. */
  readonly seconds: number
  readonly backends: readonly Backend[]
  readonly json: boolean
}

export type Backend = 'postgres' | 'redis'

const BACKENDS = ['postgres', 'redis'] as const

/** Reads the command line. Throws with the usage when it is wrong. */
export function readIngestOptions(): IngestOptions {
  const text = { type: 'string' } as const
  const { values } = parseArgs({
    options: { events: text, batch: text, connections: text, seconds: text, only: text, json: { type: 'boolean' } },
  })
  const backends = BACKENDS.filter((backend) => values.only === undefined || values.only === backend)
  if (backends.length === 0) throw new Error(`--only is "${values.only}"; it takes postgres or redis: ${USAGE}`)
  return {
    events: wholeNumber('events', values.events ?? '400000', { most: 2_000_000, usage: USAGE }),
    batch: wholeNumber('batch', values.batch ?? '1000', { most: 5_000, usage: USAGE }),
    connections: wholeNumber('connections', values.connections ?? '16', { most: 100, usage: USAGE }),
    seconds: wholeNumber('seconds', values.seconds ?? '10', { most: 600, usage: USAGE }),
    backends,
    json: values.json ?? false,
  }
}
