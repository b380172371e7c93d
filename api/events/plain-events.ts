import { isUtf8 } from 'node:buffer'
import { RecordWriter } from '../../db/usage/record-writer.ts'
import { copyBytes } from '../../shared/copy-bytes.ts'
import {
  afterSpace,
  CLOSE_LIST,
  CLOSE_OBJECT,
  COLON,
  COMMA,
  NOT_PLAIN,
  OPEN_LIST,
  OPEN_OBJECT,
  standsAt,
} from '../../shared/json/plain-json.ts'
import { PlainEvent } from '../../shared/metering/plain-event.ts'

/** One event, written where it was read. */
export interface AcceptedEvent {
  readonly record: Buffer
  readonly transactionId: string
}

/** Events that were all accepted, and the answer that says so. */
export interface PlainBatch {
  readonly records: Buffer
  readonly count: number
  readonly answer: Buffer
}

// Of one record; others make the buffer grow.
const USUAL_BYTES = 1_024

// Each event is written before the next one is read.
const event = new PlainEvent()

/** Reads the one event that a body is, in place of parsing it; undefined where it is not plain. */
export function readPlainEvent(body: Buffer, receivedAtMicros: number): AcceptedEvent | undefined {
  const records = new RecordWriter(Math.min(body.length, USUAL_BYTES))
  if (!writePlainEvent(body, receivedAtMicros, records)) return undefined
  const { start, end } = event.transactionId
  return { record: records.take(), transactionId: body.toString('utf8', start, end) }
}

/**
 * Writes the record of the one event that the text is, in place of parsing it. Answers whether it did: it does not where
 * the event is not plain, which the parser reads, or finds fault with.
 */
export function writePlainEvent(text: Buffer, receivedAtMicros: number, to: RecordWriter): boolean {
  if (!isUtf8(text)) return false
  const end = event.read(text, afterSpace(text, 0), receivedAtMicros)
  const isPlain = end !== NOT_PLAIN && afterSpace(text, end) === text.length
  if (isPlain) to.writePlain(event)
  event.forget()
  return isPlain
}

const EVENTS = Buffer.from('"events"')
// With the fields of the events beside them these are fewer than a body may have in all, as `findOversize` counts them.
const MOST_PIECES = 400_000

/** The same of an envelope with at most as many events, all of them plain; undefined for any other. */
export function readPlainBatch(
  body: Buffer,
  { most, receivedAtMicros }: { readonly most: number; readonly receivedAtMicros: number },
): PlainBatch | undefined {
  let at = startOfEvents(body)
  if (at === NOT_PLAIN || !isUtf8(body)) return undefined
  // Records are a little smaller than the text of their events.
  const records = new RecordWriter(body.length)
  // Where the ids stand: from, to, and so on.
  const ids: number[] = []
  event.properties.pieces = 0
  do {
    const end = event.read(body, afterSpace(body, at + 1), receivedAtMicros)
    if (end === NOT_PLAIN || records.count === most) break
    records.writePlain(event)
    ids.push(event.transactionId.start, event.transactionId.end)
    at = afterSpace(body, end)
  } while (body[at] === COMMA)
  event.forget()
  const { count } = records
  if (body[at] !== CLOSE_LIST || !endsAt(body, at + 1) || event.properties.pieces > MOST_PIECES) return undefined
  return { records: records.take(), count, answer: answerOf(body, ids) }
}

/** The place of the bracket that begins the list, when nothing comes before it but its name. */
function startOfEvents(body: Buffer): number {
  const open = afterSpace(body, 0)
  const name = afterSpace(body, open + 1)
  if (body[open] !== OPEN_OBJECT || !standsAt(body, name, EVENTS)) return NOT_PLAIN
  const colon = afterSpace(body, name + EVENTS.length)
  const list = afterSpace(body, colon + 1)
  return body[colon] === COLON && body[list] === OPEN_LIST ? list : NOT_PLAIN
}

function endsAt(body: Buffer, afterList: number): boolean {
  const close = afterSpace(body, afterList)
  return body[close] === CLOSE_OBJECT && afterSpace(body, close + 1) === body.length
}

const BEFORE_ID = Buffer.from('{"transaction_id":"')
const AFTER_ID = Buffer.from('","status":"accepted"},')
const END = Buffer.from(']}')

// The text that `JSON.stringify` would make of it: ids without escapes are written as they were read.
function answerOf(body: Buffer, ids: readonly number[]): Buffer {
  const accepted = ids.length / 2
  const head = Buffer.from(`{"accepted":${accepted},"rejected":0,"results":[`)
  let bytes = head.length + END.length - 1
  for (let id = 0; id < ids.length; id += 2) {
    bytes += BEFORE_ID.length + AFTER_ID.length + (ids[id + 1] as number) - (ids[id] as number)
  }
  const answer = Buffer.allocUnsafe(bytes)
  let at = copyBytes(head, 0, head.length, answer, 0)
  for (let id = 0; id < ids.length; id += 2) {
    at = copyBytes(BEFORE_ID, 0, BEFORE_ID.length, answer, at)
    at = copyBytes(body, ids[id] as number, ids[id + 1] as number, answer, at)
    at = copyBytes(AFTER_ID, 0, AFTER_ID.length, answer, at)
  }
  // In place of the last comma.
  copyBytes(END, 0, END.length, answer, at - 1)
  return answer
}
