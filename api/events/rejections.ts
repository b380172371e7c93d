import { type Issue, shortIssue } from '../../shared/errors.ts'

/** The most rejected lines that an answer names. */
const MAX_REJECTIONS = 100
/** The most bytes that they may take together; the first is named in any case. */
const MAX_REJECTION_BYTES = 64 * 1024

/** A line that is no event. */
export interface Rejection {
  /** Counted from 1, blank lines included. */
  readonly line: number
  /** Null where it cannot be read. */
  readonly transaction_id: string | null
  readonly errors: readonly Issue[]
}

/** Names the first of the lines of a stream that are rejected, as many as an answer has room for. */
export class RejectionNames {
  #count = 0
  #bytes = 0

  /** Whether no more are named. */
  get isFull(): boolean {
    return this.#count >= MAX_REJECTIONS || this.#bytes >= MAX_REJECTION_BYTES
  }

  /** The rejection as it is named; undefined where there is no room for it, and then there is none for others. */
  name(rejection: Rejection): Rejection | undefined {
    const named = { ...rejection, errors: rejection.errors.map(shortIssue) }
    this.#bytes += Buffer.byteLength(JSON.stringify(named))
    if (this.#count > 0 && this.#bytes > MAX_REJECTION_BYTES) return undefined
    this.#count += 1
    return named
  }
}
