/**
 * The order in which the transactions of a process remember the keys that they are about to claim. Those of one organization
 * do so in the order in which they were begun, so that of two events with one key the one that was accepted first is claimed.
 * A key that one of them remembered and the table does not have yet is claimed by a transaction whose turn was earlier:
 * whoever meets such a key waits for the end of that transaction before it claims any. Turns wait only for earlier ones, so
 * never in a circle.
 */
export class ClaimTurns {
  readonly #taken = new Set<ClaimTurn>()
  /** When the last transaction that was begun has taken its turn, or has ended, by organization. */
  readonly #last = new Map<number, Promise<void>>()

  /**
   * Runs one transaction, which has one turn: another attempt of it has another, and comes behind those that came since. It
   * begins once those before it have taken theirs, when it holds no lock yet: they may wait for it in the database.
   */
  async during<Result>(organizationId: number, transaction: (turn: ClaimTurn) => Promise<Result>): Promise<Result> {
    const taken = Promise.withResolvers<void>()
    const ended = Promise.withResolvers<void>()
    const before = this.#last.get(organizationId)
    this.#last.set(organizationId, taken.promise)
    await before
    const turn = new ClaimTurn(this.#taken, { onTaken: taken.resolve, ended: ended.promise })
    try {
      return await transaction(turn)
    } finally {
      this.#taken.delete(turn)
      taken.resolve()
      ended.resolve()
      if (this.#last.get(organizationId) === taken.promise) this.#last.delete(organizationId)
    }
  }
}

/** The turn of one transaction. */
export class ClaimTurn {
  readonly #taken: Set<ClaimTurn>
  readonly #onTaken: () => void
  readonly #ended: Promise<void>

  constructor(taken: Set<ClaimTurn>, { onTaken, ended }: { onTaken: () => void; ended: Promise<void> }) {
    this.#taken = taken
    this.#onTaken = onTaken
    this.#ended = ended
  }

  /** Takes its place, once, in the moment in which its keys are remembered. Answers with what waits for those before it. */
  take(): () => Promise<void> {
    const earlier = [...this.#taken].map((turn) => turn.#ended)
    this.#taken.add(this)
    this.#onTaken()
    return async () => {
      await Promise.all(earlier)
    }
  }
}
