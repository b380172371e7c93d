import { hostname } from 'node:os'
import { ClientError } from './client-error.ts'

/** Why the service refused an event: where the fault stands, what it is, and a stable type. */
export interface RejectionIssue {
  readonly loc: readonly (string | number)[]
  readonly msg: string
  readonly type: string
}

/** An event that the service refuses for good; it is kept in `rejected.ndjson` of the spool. */
export interface RejectedEvent {
  readonly sequence: number
  /** As it was sent, with the field names of the HTTP API. */
  readonly event: Readonly<Record<string, unknown>>
  readonly errors: readonly RejectionIssue[]
}

export interface ClientOptions {
  /** Where the service answers, such as `https://billing.example.com`. */
  readonly url: string
  /** A key with the scope `events:write`. */
  readonly apiKey: string
  /** A folder of this process alone, on a local disk; it is made when it does not exist. */
  readonly spoolDirectory: string
  /** A readable name of this sender; the spool adds what makes it unique. The host's name when left out. */
  readonly producer?: string
  /** Events in one request: 1 to 5,000, 1,000 when left out. */
  readonly batchEvents?: number
  /** How long an event waits for company at most; 1,000 when left out. */
  readonly flushIntervalMs?: number
  /**
   * How long an opening waits for a folder that another process has; 0 when left out. A process of another host or
   * container counts as gone after a minute without a sign of life.
   */
  readonly lockWaitMs?: number
  /** The most that unsent events may take on the disk; 1 GiB when left out. */
  readonly maxSpoolBytes?: number
  /** The longest wait between two attempts, unless the service asks for more; 30,000 when left out. */
  readonly maxBackoffMs?: number
  /** An attempt without an answer ends after this; 30,000 when left out. */
  readonly requestTimeoutMs?: number
  /**
   * `always`: `record` resolves once the disk has the event, so that a power failure loses nothing. `interval`: once the
   * operating system has it; a crash of the process loses nothing, a power failure up to a second.
   */
  readonly fsync?: 'always' | 'interval'
  /** What it throws or rejects with is a warning of the process, as of `onError`. */
  readonly onRejected?: (rejected: RejectedEvent) => unknown
  /** What keeps events from being sent, each time it does. Left out: a warning of the process. */
  readonly onError?: (error: ClientError) => unknown
}

/** Options with all that was left out. */
export type Settings = Required<Omit<ClientOptions, 'onRejected' | 'onError'>> &
  Pick<ClientOptions, 'onRejected' | 'onError'>

const MAX_BATCH_EVENTS = 5_000
/** A longer timer of Node would end at once. */
const MAX_TIMER_MS = 2 ** 31 - 1
/** What a header can carry. */
const SENDABLE_KEY = /^[!-~]+$/
const MIN_SPOOL_BYTES = 65_536
const MAX_PRODUCER_LENGTH = 200
// The service can keep neither, so it would refuse to hear of this producer's events for ever.
const UNSTORABLE = /[\0\p{Surrogate}]/u

/** Throws `invalid_option` with the name of the first option that cannot be used. */
export function readOptions(options: ClientOptions): Settings {
  const { url, apiKey, spoolDirectory, producer = hostname() || 'producer' } = options
  requireAddress(url)
  if (typeof apiKey !== 'string' || !SENDABLE_KEY.test(apiKey)) {
    throw invalid('apiKey', 'must be the text of a key: visible ASCII characters, and no space or line end')
  }
  if (typeof spoolDirectory !== 'string' || spoolDirectory === '') throw invalid('spoolDirectory', 'must be a folder')
  if (typeof producer !== 'string' || producer === '' || producer.length > MAX_PRODUCER_LENGTH) {
    throw invalid('producer', `must have 1 to ${MAX_PRODUCER_LENGTH} characters`)
  }
  if (UNSTORABLE.test(producer))
    throw invalid('producer', 'must not contain the NUL character or half of a surrogate pair')
  const { fsync = 'always' } = options
  if (fsync !== 'always' && fsync !== 'interval') throw invalid('fsync', 'must be always or interval')
  return {
    ...options,
    url: url.replace(/\/+$/, ''),
    producer,
    fsync,
    batchEvents: readInteger(options, 'batchEvents', { least: 1, most: MAX_BATCH_EVENTS, otherwise: 1_000 }),
    flushIntervalMs: readInteger(options, 'flushIntervalMs', { least: 0, otherwise: 1_000 }),
    lockWaitMs: readInteger(options, 'lockWaitMs', { least: 0, otherwise: 0 }),
    maxSpoolBytes: readInteger(options, 'maxSpoolBytes', { least: MIN_SPOOL_BYTES, otherwise: 2 ** 30 }),
    maxBackoffMs: readInteger(options, 'maxBackoffMs', { least: 1, otherwise: 30_000 }),
    requestTimeoutMs: readInteger(options, 'requestTimeoutMs', { least: 1, most: MAX_TIMER_MS, otherwise: 30_000 }),
  }
}

/** Throws `invalid_option` for a time that nobody can wait for. */
export function requireTimeout(timeoutMs: number): void {
  const isTime = typeof timeoutMs === 'number' && timeoutMs >= 0
  if (isTime && (timeoutMs <= MAX_TIMER_MS || timeoutMs === Infinity)) return
  throw new ClientError('invalid_option', `timeoutMs must be a number from 0 to ${MAX_TIMER_MS}, or Infinity`)
}

type NumericOption =
  | 'batchEvents'
  | 'flushIntervalMs'
  | 'lockWaitMs'
  | 'maxSpoolBytes'
  | 'maxBackoffMs'
  | 'requestTimeoutMs'

function readInteger(
  options: ClientOptions,
  name: NumericOption,
  { least, most = Number.MAX_SAFE_INTEGER, otherwise }: { least: number; most?: number; otherwise: number },
): number {
  const value = options[name] ?? otherwise
  if (Number.isSafeInteger(value) && value >= least && value <= most) return value
  throw invalid(name, `must be an integer from ${least} to ${most}`)
}

// Messages name the option and never its value, which may hold a secret.
function requireAddress(url: unknown): void {
  if (typeof url !== 'string') throw invalid('url', 'must be text')
  const address = URL.canParse(url) ? new URL(url) : undefined
  if (address === undefined || !/^https?:$/.test(address.protocol)) {
    throw invalid('url', 'must be an http or https address')
  }
  if (address.username !== '' || address.password !== '') {
    throw invalid('url', 'must not hold a name or a password: the key is given as apiKey')
  }
  if (/[?#]/.test(address.href)) throw invalid('url', 'must have neither a query nor a fragment')
}

function invalid(name: keyof ClientOptions, fault: string): ClientError {
  return new ClientError('invalid_option', `${name} ${fault}`)
}
