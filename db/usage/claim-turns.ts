/**
 * The order in which the transactions of a process remember the keys that they are about to claim. A key that one of them
 * remembered and the table does not have yet is claimed by a transaction whose turn was earlier: whoever meets such a key
 * waits for the end of that transaction before it claims any. Turns wait only for earlier ones, so never in a circle.
 */
export class ClaimTurns {
  readonly #taken = new Set<ClaimTurn>()

  /** The turn of a transaction, which must be ended with it. */
  open(): ClaimTurn {
    return new ClaimTurn(this.#taken)
  }
}

class ClaimTurn {
  readonly #taken: Set<ClaimTurn>
  readonly #ended = Promise.withResolvers<void>()

  constructor(taken: Set<ClaimTurn>) {
    this.#taken = taken
  }

  /** Takes its place, in the moment in which its keys are remembered. Answers with what waits for those before it. */
  take(): () => Promise<void> {
    const earlier = [...this.#taken].filter((turn) => turn !== this)
    this.#taken.add(this)
    return async () => {
      for (const turn of earlier) await turn.#ended.promise
    }
  }

  /** After the transaction, whether it was committed or not. */
  end(): void {
    this.#taken.delete(this)
    this.#ended.resolve()
  }
}

export type { ClaimTurn }
