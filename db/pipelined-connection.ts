import type { PoolClient } from 'pg'

const BEGINS = /^(?:begin|start transaction)\b/
// As the query builder writes it.
const BEGINS_TO_READ = 'start transaction read only'
const BEGUN = { command: 'BEGIN', rowCount: null, rows: [] }
const COMMITTED = { command: 'COMMIT', rowCount: null, rows: [] }

interface Parts {
  readonly client: Pick<PoolClient, 'release'>
  readonly send: (text: string, values: readonly unknown[]) => Promise<unknown>
  /** Whether a statement only sets what those after it run under. */
  readonly opens: (text: string) => boolean
}

/**
 * A connection that sends statements without waiting for the answers to those before them. A transaction waits neither for
 * its beginning nor, where it only reads, for its end: what went wrong in the beginning is what its next statement throws,
 * and nothing can be lost by an end that changes nothing. One that may write is over when its end is answered.
 */
export class PipelinedConnection {
  readonly #client: Parts['client']
  readonly #send: Parts['send']
  readonly #opens: Parts['opens']
  #ahead: Promise<unknown>[] = []
  /** Why the transaction could not begin: whatever follows would run by itself. */
  #failure: { readonly error: unknown } | undefined
  #onlyReads = false
  /** Whether a transaction may have been left open. */
  #isBroken = false

  constructor({ client, send, opens }: Parts) {
    this.#client = client
    this.#send = send
    this.#opens = opens
  }

  async query(text: string, values: readonly unknown[] = []): Promise<unknown> {
    if (BEGINS.test(text)) {
      this.#forget()
      this.#onlyReads = text === BEGINS_TO_READ
      return this.#sendAhead(text, values)
    }
    // For what its work threw, or it was told already that it could not begin.
    if (text === 'rollback') {
      this.#forget()
      return await this.#send(text, values)
    }
    if (this.#failure !== undefined) throw this.#failure.error
    if (this.#opens(text)) return this.#sendAhead(text, values)
    const answer = this.#afterAhead(this.#send(text, values))
    if (text !== 'commit' || !this.#onlyReads) return await answer
    answer.catch(() => {
      this.#isBroken = true
    })
    return COMMITTED
  }

  release(destroy: boolean): void {
    this.#client.release(destroy || this.#isBroken)
  }

  #forget(): void {
    this.#ahead = []
    this.#failure = undefined
    this.#onlyReads = false
  }

  #sendAhead(text: string, values: readonly unknown[]): unknown {
    const answer = this.#send(text, values)
    const ahead = this.#ahead
    ahead.push(answer)
    answer.catch((error: unknown) => {
      // Unless another transaction has begun meanwhile.
      if (this.#ahead === ahead) this.#failure ??= { error }
    })
    return BEGUN
  }

  async #afterAhead(answer: Promise<unknown>): Promise<unknown> {
    const answers = await Promise.all([...this.#ahead.splice(0), answer])
    return answers.at(-1)
  }
}
