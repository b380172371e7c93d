import type { Payload } from '../../queues/contracts.ts'
import { packUsage } from '../../queues/usage-payload.ts'
import { AppError } from '../../shared/errors.ts'
import { isoOfMicros } from '../../shared/metering/timestamp.ts'
import { ingestOverloaded } from './ingest-overloaded.ts'
import type { Receipt } from './organization-clock.ts'

export interface IngestLimits {
  /** A job is sent at the latest when it holds this many events; one request is never divided. */
  readonly maxEventsPerJob: number
  /** Nor when it holds this many bytes. */
  readonly maxBytesPerJob: number
  /** Jobs of one organization that are on their way to the queue at once. */
  readonly maxAddsInFlight: number
  /**
   * A group of fewer events than this waits for jobs of its organization that are on their way, and gathers for `gatherMs`
   * after the last one was sent.
   */
  readonly fewEvents: number
  readonly gatherMs: number
  /** Bytes that are not durable yet, over all organizations; more are refused. One request is always taken. */
  readonly maxHeldBytes: number
  /** After this long without durability, the requests of a job are refused. */
  readonly timeoutMs: number
}

const INGEST_LIMITS: Omit<IngestLimits, 'maxHeldBytes'> = {
  maxEventsPerJob: 5_000,
  maxBytesPerJob: 4 * 1024 * 1024,
  maxAddsInFlight: 3,
  // A job costs the web process, the queue and the worker as much as dozens of events.
  fewEvents: 500,
  gatherMs: 10,
  timeoutMs: 8_000,
}

type AddJob = (payload: Payload<'aggregate-usage'>) => Promise<void>

const HELD_RETRY_AFTER_SECONDS = 1

/** The records of some events. */
export interface EventGroup {
  readonly records: Buffer
  readonly count: number
}

/** The events of some requests on their way into one job. */
interface Group {
  readonly receipt: Receipt
  /** The records of each request: a fraction of the memory that the events take as objects. */
  readonly lists: Buffer[]
  count: number
  bytes: number
  readonly settled: PromiseWithResolvers<void>
  readonly timer: NodeJS.Timeout
}

interface Lane {
  readonly waiting: Group[]
  inFlight: number
  scheduled: boolean
  /** When its last job was sent. */
  sentAtMs: number
  timer: NodeJS.Timeout | undefined
}

/**
 * Group commit: requests that arrive together share a job, so that a request of one event costs a fraction of a job.
 * The first request goes at once; while jobs are on their way, and a moment longer, further requests of few events gather
 * for the next.
 * A request is answered only when its job is durable. Lanes of organizations never mix and never wait for each other.
 */
export class IngestBuffer {
  readonly #addJob: AddJob
  readonly #limits: IngestLimits
  readonly #lanes = new Map<number, Lane>()
  readonly #unsettled = new Set<Group>()
  #heldBytes = 0

  constructor(addJob: AddJob, limits: Pick<IngestLimits, 'maxHeldBytes'> & Partial<IngestLimits>) {
    this.#addJob = addJob
    this.#limits = { ...INGEST_LIMITS, ...limits }
  }

  /**
   * Resolves once the events are durable in the queue. Throws `ingest_overloaded` when too much is held already, and
   * `queue_unavailable` within the time limit when the events may not be durable; sending them again is always right,
   * because an event counts once.
   */
  add(organizationId: number, receipt: Receipt, { records, count }: EventGroup): Promise<void> {
    const bytes = records.length
    if (this.#heldBytes > 0 && this.#heldBytes + bytes > this.#limits.maxHeldBytes) {
      throw ingestOverloaded('too many events wait for the queue to confirm them', HELD_RETRY_AFTER_SECONDS)
    }
    const lane = this.#lane(organizationId)
    const group = this.#openGroup(organizationId, lane, receipt, { count, bytes })
    group.lists.push(records)
    group.count += count
    group.bytes += bytes
    this.#heldBytes += bytes
    this.#schedule(organizationId, lane)
    return group.settled.promise
  }

  /** Waits until everything that was taken in is settled, one way or the other. */
  async drain(): Promise<void> {
    await Promise.allSettled([...this.#unsettled].map((group) => group.settled.promise))
  }

  #lane(organizationId: number): Lane {
    const existing = this.#lanes.get(organizationId)
    if (existing !== undefined) return existing
    const lane: Lane = {
      waiting: [],
      inFlight: 0,
      scheduled: false,
      sentAtMs: Number.NEGATIVE_INFINITY,
      timer: undefined,
    }
    this.#lanes.set(organizationId, lane)
    return lane
  }

  // Events of one job share the time of receipt, so a test clock that was moved opens another.
  #openGroup(organizationId: number, lane: Lane, receipt: Receipt, size: Pick<Group, 'count' | 'bytes'>): Group {
    const { maxEventsPerJob, maxBytesPerJob } = this.#limits
    const last = lane.waiting.at(-1)
    const fits =
      last !== undefined && last.count + size.count <= maxEventsPerJob && last.bytes + size.bytes <= maxBytesPerJob
    if (fits && last.receipt.frozen === receipt.frozen && (!receipt.frozen || last.receipt.micros === receipt.micros)) {
      return last
    }
    const group: Group = {
      receipt,
      lists: [],
      count: 0,
      bytes: 0,
      settled: Promise.withResolvers(),
      timer: setTimeout(() => this.#expire(organizationId, lane, group), this.#limits.timeoutMs),
    }
    lane.waiting.push(group)
    this.#unsettled.add(group)
    return group
  }

  // After the requests that this turn of the event loop has parsed, so that they go together.
  #schedule(organizationId: number, lane: Lane): void {
    if (lane.scheduled) return
    lane.scheduled = true
    setImmediate(() => {
      lane.scheduled = false
      this.#flush(organizationId, lane)
    })
  }

  #flush(organizationId: number, lane: Lane): void {
    for (let group = this.#nextGroup(lane); group !== undefined; group = this.#nextGroup(lane)) {
      lane.inFlight += 1
      lane.sentAtMs = performance.now()
      void this.#send(organizationId, lane, group)
    }
    if (lane.inFlight > 0 || lane.scheduled) return
    if (lane.waiting.length > 0 || this.#gathers(lane)) this.#flushLater(organizationId, lane)
    else this.#lanes.delete(organizationId)
  }

  #flushLater(organizationId: number, lane: Lane): void {
    lane.timer ??= setTimeout(() => {
      lane.timer = undefined
      this.#flush(organizationId, lane)
    }, this.#limits.gatherMs)
  }

  #gathers({ sentAtMs }: Lane): boolean {
    return performance.now() < sentAtMs + this.#limits.gatherMs
  }

  // A group goes when it is large enough for a job of its own, when no request fits into it any more, or when nothing is on
  // its way and it has gathered.
  #nextGroup(lane: Lane): Group | undefined {
    const { waiting, inFlight } = lane
    const { maxAddsInFlight, fewEvents } = this.#limits
    const [group] = waiting
    if (group === undefined || inFlight >= maxAddsInFlight) return undefined
    const mayGrow = waiting.length === 1 && group.count < fewEvents
    if (mayGrow && (inFlight > 0 || this.#gathers(lane))) return undefined
    waiting.shift()
    return group
  }

  async #send(organizationId: number, lane: Lane, group: Group): Promise<void> {
    try {
      const events = packUsage(group.lists)
      const receivedAt = isoOfMicros(group.receipt.micros)
      await this.#addJob({ organizationId, receivedAt, count: group.count, events })
      this.#settle(group)
    } catch (error) {
      this.#settle(group, unavailable(error))
    }
    this.#heldBytes -= group.bytes
    lane.inFlight -= 1
    this.#flush(organizationId, lane)
  }

  // A job that is on its way may still arrive: the broker's client goes on trying, and keeps its place in flight
  // meanwhile, so that an unreachable queue holds a bounded number of bytes.
  #expire(organizationId: number, lane: Lane, group: Group): void {
    this.#settle(group, unavailable())
    const index = lane.waiting.indexOf(group)
    if (index === -1) return
    lane.waiting.splice(index, 1)
    this.#heldBytes -= group.bytes
    this.#flush(organizationId, lane)
  }

  #settle(group: Group, error?: AppError): void {
    clearTimeout(group.timer)
    this.#unsettled.delete(group)
    if (error === undefined) group.settled.resolve()
    else group.settled.reject(error)
  }
}

function unavailable(cause?: unknown): AppError {
  const error = new AppError('queue_unavailable', 'the queue did not confirm; nothing is promised, send it again')
  if (cause !== undefined) error.cause = cause
  return error
}
