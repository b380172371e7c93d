/** What the merger needs to know of a job; it stays packed until its turn has come. */
interface Batch {
  readonly organizationId: number
  /** Events in it. */
  readonly count: number
  /** When they were accepted, as an ISO text; all have the same length. */
  readonly receivedAt: string
}

interface Waiting<Held> {
  readonly batch: Held
  readonly settle: PromiseWithResolvers<void>
}

// Larger transactions touch fewer rollup rows per event; past this size the gain is small and memory grows.
const MAX_EVENTS_PER_TRANSACTION = 75_000
// While one transaction waits for its commit, the next is prepared.
const MAX_TRANSACTIONS = 2
// Many small transactions cost several times what a large one does. So while there are few events of an organization, its
// transactions take a third of the time at most, and the events gather meanwhile; but they never wait for long.
const FEW_EVENTS = 25_000
const MIN_PAUSE_RATIO = 3
const MAX_GATHER_MS = 250
// After a transaction of a backlog the next jobs are on their way, and none may be counted before one that was accepted
// earlier. Where they do not come, the backlog is gone.
const MAX_REFILL_MS = 100

/**
 * Lets jobs that are in flight at the same time share one transaction. Answers per batch, so that a failure of the
 * work reaches exactly the jobs it concerns: the work reports each batch's outcome in the order given.
 */
export class BatchMerger<Held extends Batch> {
  readonly #work: (batches: readonly Held[]) => Promise<readonly PromiseSettledResult<void>[]>
  #waiting: Waiting<Held>[] = []
  #running = 0
  /** Jobs that are held: those that wait and those of running transactions. */
  #held = 0
  readonly #slots: number
  /** Until when the places of jobs that have ended are being taken by the next. */
  #refillsUntilMs = 0
  /** Until when the few events of an organization gather, where that is still to come. */
  readonly #gathersUntilMs = new Map<number, number>()
  #timer: NodeJS.Timeout | undefined

  /** `slots` is how many jobs can be held at once. */
  constructor(work: (batches: readonly Held[]) => Promise<readonly PromiseSettledResult<void>[]>, slots: number) {
    this.#work = work
    this.#slots = slots
  }

  /** Resolves once the batch is committed. */
  async submit(batch: Held): Promise<void> {
    const settle = Promise.withResolvers<void>()
    // Jobs that are taken in the same moment come in any order.
    const place = this.#waiting.findLastIndex((waiting) => waiting.batch.receivedAt <= batch.receivedAt) + 1
    this.#waiting.splice(place, 0, { batch, settle })
    this.#held += 1
    // Jobs that arrive in the same turn of the event loop get the chance to join.
    setImmediate(() => this.#startNext())
    await settle.promise
  }

  #startNext(): void {
    if (this.#running >= MAX_TRANSACTIONS) return
    if (this.#held < this.#slots && performance.now() < this.#refillsUntilMs) {
      return this.#startAt(this.#refillsUntilMs)
    }
    const organizationId = this.#nextOrganization()
    if (organizationId === undefined) {
      if (this.#waiting.length > 0) this.#startLater()
      return
    }
    const group = this.#takeGroup(organizationId)
    const startedAtMs = performance.now()
    const latestMs = startedAtMs + MAX_GATHER_MS
    this.#gathersUntilMs.set(organizationId, latestMs)
    this.#running += 1
    void this.#run(group).finally(() => {
      this.#running -= 1
      if (this.#held >= this.#slots) this.#refillsUntilMs = performance.now() + MAX_REFILL_MS
      this.#held -= group.length
      const untilMs = startedAtMs + MIN_PAUSE_RATIO * (performance.now() - startedAtMs)
      // Unless another has started meanwhile.
      if (this.#gathersUntilMs.get(organizationId) === latestMs) {
        this.#gathersUntilMs.set(organizationId, Math.min(untilMs, latestMs))
      }
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

  // The organization whose events wait longest goes first, except those that gather.
  #nextOrganization(): number | undefined {
    const nowMs = performance.now()
    for (const [organizationId, untilMs] of this.#gathersUntilMs) {
      if (untilMs <= nowMs) this.#gathersUntilMs.delete(organizationId)
    }
    // While no other job can come, nothing is gained by waiting.
    if (this.#held >= this.#slots) return this.#waiting[0]?.batch.organizationId
    const counts = new Map<number, number>()
    for (const { batch } of this.#waiting) {
      counts.set(batch.organizationId, (counts.get(batch.organizationId) ?? 0) + batch.count)
    }
    return counts.keys().find((id) => !this.#gathersUntilMs.has(id) || (counts.get(id) ?? 0) >= FEW_EVENTS)
  }

  // All that wait are of organizations that gather.
  #startLater(): void {
    this.#startAt(Math.min(...this.#waiting.map(({ batch }) => this.#gathersUntilMs.get(batch.organizationId) ?? 0)))
  }

  #startAt(timeMs: number): void {
    clearTimeout(this.#timer)
    this.#timer = setTimeout(() => this.#startNext(), Math.ceil(timeMs - performance.now()))
  }

  // A transaction holds one organization's events, in the order in which they were accepted: none goes before one that does
  // not fit.
  #takeGroup(organizationId: number): Waiting<Held>[] {
    const group: Waiting<Held>[] = []
    const left: Waiting<Held>[] = []
    let events = 0
    let isFull = false
    for (const waiting of this.#waiting) {
      const isOfOrganization = waiting.batch.organizationId === organizationId
      if (isOfOrganization) {
        isFull ||= group.length > 0 && events + waiting.batch.count > MAX_EVENTS_PER_TRANSACTION
      }
      if (isOfOrganization && !isFull) {
        group.push(waiting)
        events += waiting.batch.count
      } else left.push(waiting)
    }
    this.#waiting = left
    return group
  }
}
