/**
 * The order in which the transactions of a process remember the keys that they are about to claim. A key that one of them
 * remembered and the table does not have yet is claimed by a transaction whose turn was earlier: whoever meets such a key
 * waits for the end of that transaction before it claims any. Turns wait only for earlier ones, so never in a circle.
 */
export class ClaimTurns {
  readonly #taken = new Set<ClaimTurn>()

  /** Runs one transaction, which has one turn: another attempt of it has another, and comes behind those that came since. */
  async during<Result>(transaction: (turn: ClaimTurn) => Promise<Result>): Promise<Result> {
    const { promise: ended, resolve: end } = Promise.withResolvers<void>()
    const turn = new ClaimTurn(this.#taken, ended)
    try {
      return await transaction(turn)
    } finally {
      this.#taken.delete(turn)
      end()
    }
  }
}

/** The turn of one transaction. */
export class ClaimTurn {
  readonly #taken: Set<ClaimTurn>
  readonly #ended: Promise<void>

  constructor(taken: Set<ClaimTurn>, ended: Promise<void>) {
    this.#taken = taken
    this.#ended = ended
  }

  /** Takes its place, once, in the moment in which its keys are remembered. Answers with what waits for those before it. */
  take(): () => Promise<void> {
    const earlier = [...this.#taken].map((turn) => turn.#ended)
    this.#taken.add(this)
    return async () => {
      await Promise.all(earlier)
    }
  }
}
