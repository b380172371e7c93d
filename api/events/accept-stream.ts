import { setImmediate as nextTurn, setTimeout as pause } from 'node:timers/promises'
import { AppError, validationError } from '../../shared/errors.ts'
import type { BodyPieces } from '../body-pieces.ts'
import { addEvents, type EventContext } from './accept-events.ts'
import { type Line, LineSplitter } from './line-splitter.ts'
import type { Receipt } from './organization-clock.ts'
import { type Rejection, RejectionNames } from './rejections.ts'
import { failureOfStream } from './stream-failure.ts'
import { readSection, type Section } from './stream-section.ts'

const MAX_LINE_BYTES = 1024 * 1024
/** A stream of which more lines are rejected is no stream of events, and is not read to its end. */
const MAX_REJECTED = 100_000
// Read and not durable yet; with more, nothing is read from the socket.
const MAX_UNSETTLED_EVENTS = 10_000
const MAX_UNSETTLED_BYTES = 4 * 1024 * 1024
// A sender may send line by line, and lines that are blank or rejected.
const MAX_UNSETTLED_SECTIONS = 1_000
// While the gate is closed the stream stands still, which slows its sender; after this long it is told to come back.
const PATIENCE_MS = 15_000
const GATE_LOOK_MS = 200

/** What became of the lines up to and with `durable_lines`. */
export interface StreamProgress {
  accepted: number
  rejected: number
  /** The first of the rejected. */
  readonly rejections: Rejection[]
  /** Every line up to this one is durable or rejected. */
  durable_lines: number
}

/**
 * Takes in a stream of events, one JSON text a line, in constant memory: lines go to the queue as they come, and no
 * more are read while too many are on their way. Resolves when the stream has ended or failed, soon after its sender has
 * gone; a failure leaves a prefix of it durable, and sending the whole again is always right.
 */
export async function acceptStream(
  context: EventContext,
  organizationId: number,
  pieces: BodyPieces,
  patienceMs: number = PATIENCE_MS,
): Promise<{ readonly progress: StreamProgress; readonly failure?: unknown }> {
  const intake = new StreamIntake(context, organizationId, { patienceMs, requireAlive: () => pieces.requireAlive() })
  const splitter = new LineSplitter(MAX_LINE_BYTES)
  try {
    for (let piece = await pieces.next(); piece !== undefined; piece = await pieces.next()) {
      await intake.take(splitter.push(piece))
      pieces.hold(splitter.heldBytes)
    }
    await intake.take(splitter.end())
    pieces.close()
    await intake.settle()
    return { progress: intake.progress }
  } catch (failure) {
    await intake.settleQuietly()
    return { progress: intake.progress, failure: failureOfStream(failure) }
  }
}

interface IntakeOptions {
  readonly patienceMs: number
  /** Throws once nobody waits for the answer any more. */
  readonly requireAlive: () => void
}

class StreamIntake {
  readonly progress: StreamProgress = { accepted: 0, rejected: 0, rejections: [], durable_lines: 0 }
  readonly #context: EventContext
  readonly #organizationId: number
  readonly #unsettled: { readonly section: Section; readonly durable: Promise<void> }[] = []
  readonly #patienceMs: number
  readonly #requireAlive: () => void
  readonly #names = new RejectionNames()
  #linesRead = 0
  #rejectedRead = 0

  constructor(context: EventContext, organizationId: number, { patienceMs, requireAlive }: IntakeOptions) {
    this.#context = context
    this.#organizationId = organizationId
    this.#patienceMs = patienceMs
    this.#requireAlive = requireAlive
  }

  /** Reads the lines and sends their events; waits as long as too much is on its way. */
  async take(lines: readonly Line[]): Promise<void> {
    for (let from = 0; from < lines.length; ) {
      if (from > 0) await nextTurn()
      this.#requireAlive()
      from += await this.#takeSection(lines, from)
    }
  }

  /** Takes lines from the one given on, as many as one turn of the event loop bears; answers how many. */
  async #takeSection(lines: readonly Line[], from: number): Promise<number> {
    const receipt = await this.#context.organizationClock.receivedAt(this.#organizationId)
    const section = readSection(lines, {
      from,
      linesBefore: this.#linesRead,
      receivedAtMicros: receipt.micros,
      names: this.#names,
    })
    this.#linesRead += section.lines
    const { durable } = await this.#send(section, receipt)
    // It is awaited in its turn; until then a refusal is nobody's surprise.
    durable.catch(() => undefined)
    this.#unsettled.push({ section, durable })
    this.#rejectedRead += section.rejected
    if (this.#rejectedRead > MAX_REJECTED) throw tooManyRejected(this.#linesRead)
    while (this.#isFull()) await this.#settleFirst()
    return section.lines
  }

  async settle(): Promise<void> {
    while (this.#unsettled.length > 0) await this.#settleFirst()
  }

  /** After a failure: what was on its way before counts as far as it is an unbroken beginning. */
  async settleQuietly(): Promise<void> {
    await this.settle().catch(() => undefined)
  }

  async #send(section: Section, receipt: Receipt): Promise<{ durable: Promise<void> }> {
    if (section.accepted.count === 0) return { durable: Promise.resolve() }
    const deadlineMs = performance.now() + this.#patienceMs
    for (;;) {
      try {
        await this.#context.ingestGate.requireOpen()
        return { durable: addEvents(this.#context, this.#organizationId, receipt, section.accepted) }
      } catch (error) {
        if (!isOverload(error) || performance.now() > deadlineMs) throw error
        await pause(GATE_LOOK_MS)
        this.#requireAlive()
      }
    }
  }

  #isFull(): boolean {
    const events = this.#unsettled.reduce((sum, { section }) => sum + section.accepted.count, 0)
    const bytes = this.#unsettled.reduce((sum, { section }) => sum + section.bytes, 0)
    return (
      events > MAX_UNSETTLED_EVENTS || bytes > MAX_UNSETTLED_BYTES || this.#unsettled.length > MAX_UNSETTLED_SECTIONS
    )
  }

  async #settleFirst(): Promise<void> {
    const [first] = this.#unsettled
    if (first === undefined) return
    await first.durable
    this.#unsettled.shift()
    const { section } = first
    this.progress.accepted += section.accepted.count
    this.progress.rejected += section.rejected
    this.progress.durable_lines += section.lines
    this.progress.rejections.push(...section.rejections)
  }
}

function tooManyRejected(line: number): AppError {
  const msg = `more than ${MAX_REJECTED} lines were rejected, so no more are read`
  return validationError([{ loc: ['body', line], msg, type: 'too_many_rejected' }])
}

function isOverload(error: unknown): boolean {
  return error instanceof AppError && error.code === 'ingest_overloaded'
}
