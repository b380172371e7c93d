import { isUtf8 } from 'node:buffer'
import { setTimeout as pause } from 'node:timers/promises'
import { RecordWriter } from '../../db/usage/record-writer.ts'
import { AppError, type Issue } from '../../shared/errors.ts'
import { parseExactJson } from '../../shared/json/exact-json.ts'
import { parseUsageEvent, type UsageEvent } from '../../shared/metering/usage-event.ts'
import type { BodyPieces } from '../body-pieces.ts'
import { findOversize } from '../oversize-body.ts'
import { addEvents, type EventContext, readableId } from './accept-events.ts'
import type { EventGroup } from './ingest-buffer.ts'
import { type Line, LineSplitter } from './line-splitter.ts'
import type { Receipt } from './organization-clock.ts'
import { writePlainEvent } from './plain-events.ts'

const MAX_LINE_BYTES = 1024 * 1024
/** The most rejected lines that an answer names. */
const MAX_REJECTIONS = 100
// Read and not durable yet; with more, nothing is read from the socket.
const MAX_UNSETTLED_EVENTS = 10_000
const MAX_UNSETTLED_BYTES = 4 * 1024 * 1024
// A sender may send line by line, and lines that are blank or rejected.
const MAX_UNSETTLED_SECTIONS = 1_000
// While the gate is closed the stream stands still, which slows its sender; after this long it is told to come back.
const PATIENCE_MS = 15_000
const GATE_LOOK_MS = 200

export interface Rejection {
  /** Counted from 1, blank lines included. */
  readonly line: number
  readonly transaction_id: string | null
  readonly errors: Issue[]
}

/** What became of the lines up to and with `durable_lines`. */
export interface StreamProgress {
  accepted: number
  rejected: number
  /** The first of the rejected. */
  readonly rejections: Rejection[]
  /** Every line up to this one is durable or rejected. */
  durable_lines: number
}

/** What was refused of some lines. */
interface Rejected {
  readonly rejections: Rejection[]
  rejected: number
}

/** Lines that were read together. */
interface Section extends Rejected {
  readonly lines: number
  readonly bytes: number
  readonly accepted: EventGroup
}

/**
 * Takes in a stream of events, one JSON text a line, in constant memory: lines go to the queue as they come, and no
 * more are read while too many are on their way. Resolves when the stream has ended or failed; a failure leaves a
 * prefix of it durable, and sending the whole again is always right.
 */
export async function acceptStream(
  context: EventContext,
  organizationId: number,
  pieces: BodyPieces,
  patienceMs: number = PATIENCE_MS,
): Promise<{ readonly progress: StreamProgress; readonly failure?: unknown }> {
  const intake = new StreamIntake(context, organizationId, patienceMs)
  const splitter = new LineSplitter(MAX_LINE_BYTES)
  try {
    for (let piece = await pieces.next(); piece !== undefined; piece = await pieces.next()) {
      await intake.take(splitter.push(piece))
    }
    await intake.take(splitter.end())
    await intake.settle()
    return { progress: intake.progress }
  } catch (failure) {
    await intake.settleQuietly()
    return { progress: intake.progress, failure }
  }
}

class StreamIntake {
  readonly progress: StreamProgress = { accepted: 0, rejected: 0, rejections: [], durable_lines: 0 }
  readonly #context: EventContext
  readonly #organizationId: number
  readonly #unsettled: { readonly section: Section; readonly durable: Promise<void> }[] = []
  readonly #patienceMs: number
  #linesRead = 0

  constructor(context: EventContext, organizationId: number, patienceMs: number) {
    this.#context = context
    this.#organizationId = organizationId
    this.#patienceMs = patienceMs
  }

  /** Reads the lines and sends their events; waits as long as too much is on its way. */
  async take(lines: readonly Line[]): Promise<void> {
    if (lines.length === 0) return
    const receipt = await this.#context.organizationClock.receivedAt(this.#organizationId)
    const section = readSection(lines, this.#linesRead, receipt)
    this.#linesRead += lines.length
    const { durable } = await this.#send(section, receipt)
    // It is awaited in its turn; until then a refusal is nobody's surprise.
    durable.catch(() => undefined)
    this.#unsettled.push({ section, durable })
    while (this.#isFull()) await this.#settleFirst()
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
    this.progress.rejections.push(...section.rejections.slice(0, MAX_REJECTIONS - this.progress.rejections.length))
  }
}

function readSection(lines: readonly Line[], linesBefore: number, { micros }: Receipt): Section {
  const bytes = lines.reduce((sum, line) => sum + line.length, 0)
  const records = new RecordWriter(bytes)
  const rejected: Rejected = { rejections: [], rejected: 0 }
  for (const [index, line] of lines.entries()) {
    if (line !== 'too_long' && writePlainEvent(line, micros, records)) continue
    const event = parseEvent(line, linesBefore + index + 1, { receivedAtMicros: micros, rejected })
    if (event !== undefined) records.write(event)
  }
  const { count } = records
  return { lines: lines.length, bytes, accepted: { records: records.take(), count }, ...rejected }
}

function parseEvent(
  line: Line,
  number: number,
  { receivedAtMicros, rejected }: { readonly receivedAtMicros: number; readonly rejected: Rejected },
): UsageEvent | undefined {
  const read = parseLine(line, ['body', number])
  if (read === undefined) return undefined
  const parsed =
    'fault' in read
      ? { issues: [read.fault] }
      : parseUsageEvent(read.value, { loc: ['body', number], receivedAtMicros })
  if ('event' in parsed) return parsed.event
  rejected.rejected += 1
  if (rejected.rejections.length >= MAX_REJECTIONS) return undefined
  const id = 'value' in read ? readableId(read.value, 'transaction_id') : null
  rejected.rejections.push({ line: number, transaction_id: id, errors: [...parsed.issues] })
  return undefined
}

type ReadLine = { readonly value: unknown } | { readonly fault: Issue }

// A blank line is none: many producers end with one, and some send them to keep the connection alive.
function parseLine(line: Line, loc: Issue['loc']): ReadLine | undefined {
  if (line === 'too_long') return { fault: { loc, msg: 'the line is longer than 1 MiB', type: 'line_too_long' } }
  if (!isUtf8(line)) return { fault: { loc, msg: 'the line is not UTF-8', type: 'json_invalid' } }
  const oversize = findOversize(line, loc)
  if (oversize !== undefined) return { fault: oversize }
  const text = line.toString()
  try {
    return { value: parseExactJson(text) }
  } catch (error) {
    if (text.trim() === '') return undefined
    return {
      fault: { loc, msg: error instanceof SyntaxError ? error.message : 'cannot be read', type: 'json_invalid' },
    }
  }
}

function isOverload(error: unknown): boolean {
  return error instanceof AppError && error.code === 'ingest_overloaded'
}
