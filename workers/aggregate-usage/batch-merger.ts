/** What the merger needs to know of a job; it stays packed until its turn has come. */
interface Batch {
  readonly organizationId: number
  /** Events in it. */
  readonly count: number
}

interface Waiting<Held> {
  readonly batch: Held
  readonly settle: PromiseWithResolvers<void>
}

// Larger transactions touch fewer rollup rows per event; past this size the gain is small and memory grows.
const MAX_EVENTS_PER_TRANSACTION = 10_000
// While one transaction waits for its commit, the next is prepared.
const MAX_TRANSACTIONS = 2

/**
 * Lets jobs that are in flight at the same time share one transaction. Answers per batch, so that a failure of the
 * work reaches exactly the jobs it concerns: the work reports each batch's outcome in the order given.
 */
export class BatchMerger<Held extends Batch> {
  readonly #work: (batches: readonly Held[]) => Promise<readonly PromiseSettledResult<void>[]>
  #waiting: Waiting<Held>[] = []
  #running = 0

  constructor(work: (batches: readonly Held[]) => Promise<readonly PromiseSettledResult<void>[]>) {
    this.#work = work
  }

  /** Resolves once the batch is committed. */
  async submit(batch: Held): Promise<void> {
    const settle = Promise.withResolvers<void>()
    this.#waiting.push({ batch, settle })
    // Jobs that arrive in the same turn of the event loop get the chance to join.
    setImmediate(() => this.#startNext())
    await settle.promise
  }

  #startNext(): void {
    if (this.#running >= MAX_TRANSACTIONS) return
    const group = this.#takeGroup()
    if (group.length === 0) return
    this.#running += 1
    void this.#run(group).finally(() => {
      this.#running -= 1
      this.#startNext()
    })
  }

  async #run(group: readonly Waiting<Held>[]): Promise<void> {
    try {
      const outcomes = await this.#work(group.map((waiting) => waiting.batch))
      for (const [index, { settle }] of group.entries()) {
        const outcome = outcomes[index]
        if (outcome?.status === 'fulfilled') settle.resolve()
        else settle.reject(outcome?.reason ?? new Error('a batch was left without an outcome'))
      }
    } catch (error) {
      for (const { settle } of group) settle.reject(error)
    }
  }

  // A transaction holds one organization's events; the longest waiting organization goes first.
  #takeGroup(): Waiting<Held>[] {
    const organizationId = this.#waiting[0]?.batch.organizationId
    const group: Waiting<Held>[] = []
    const left: Waiting<Held>[] = []
    let events = 0
    for (const waiting of this.#waiting) {
      const fits = group.length === 0 || events + waiting.batch.count <= MAX_EVENTS_PER_TRANSACTION
      if (waiting.batch.organizationId === organizationId && fits) {
        group.push(waiting)
        events += waiting.batch.count
      } else left.push(waiting)
    }
    this.#waiting = left
    return group
  }
}
