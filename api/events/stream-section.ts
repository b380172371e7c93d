import { isUtf8 } from 'node:buffer'
import { RecordWriter } from '../../db/usage/record-writer.ts'
import type { Issue } from '../../shared/errors.ts'
import { parseExactJson } from '../../shared/json/exact-json.ts'
import { afterSpace } from '../../shared/json/plain-json.ts'
import { parseUsageEvent, type UsageEvent } from '../../shared/metering/usage-event.ts'
import { findOversize } from '../oversize-body.ts'
import { readableId } from './accept-events.ts'
import type { EventGroup } from './ingest-buffer.ts'
import type { Line } from './line-splitter.ts'
import { writePlainEvent } from './plain-events.ts'
import type { Rejection, RejectionNames } from './rejections.ts'

// A line that is not plain costs microseconds, one that is no JSON tens of them, and others wait meanwhile.
const MAX_PARSED_PER_TURN = 500

/** What was refused of some lines. */
interface Rejected {
  /** Those that the answer names. */
  readonly rejections: Rejection[]
  rejected: number
}

/** Lines that were read together. */
export interface Section extends Rejected {
  readonly lines: number
  readonly bytes: number
  readonly accepted: EventGroup
}

interface SectionStart {
  readonly from: number
  /** Lines of the stream before those that are read together. */
  readonly linesBefore: number
  readonly receivedAtMicros: number
  readonly names: RejectionNames
}

/** Reads lines from the one given on, as many as one turn of the event loop bears. */
export function readSection(lines: readonly Line[], start: SectionStart): Section {
  const { from, linesBefore, receivedAtMicros, names } = start
  const records = new RecordWriter(bytesOf(lines, from, lines.length))
  const rejected: Rejected = { rejections: [], rejected: 0 }
  let [at, parsed] = [from, 0]
  for (; at < lines.length && parsed < MAX_PARSED_PER_TURN; at += 1) {
    const line = lines[at] as Line
    if (line !== 'too_long' && (isBlank(line) || writePlainEvent(line, receivedAtMicros, records))) continue
    parsed += 1
    const event = parseEvent(line, linesBefore + at - from + 1, { receivedAtMicros, names, rejected })
    if (event !== undefined) records.write(event)
  }
  const { count } = records
  const accepted = count === 0 ? NO_EVENTS : { records: records.take(), count }
  return { lines: at - from, bytes: bytesOf(lines, from, at), accepted, ...rejected }
}

// It lives until those before it are durable, and the room for its records with it.
const NO_EVENTS: EventGroup = { records: Buffer.alloc(0), count: 0 }

function bytesOf(lines: readonly Line[], from: number, to: number): number {
  let bytes = 0
  for (let at = from; at < to; at += 1) bytes += (lines[at] as Line).length
  return bytes
}

// A blank line is none: many producers end with one, and some send them to keep the connection alive.
function isBlank(line: Buffer): boolean {
  return afterSpace(line, 0) === line.length
}

function parseEvent(
  line: Line,
  number: number,
  {
    receivedAtMicros,
    names,
    rejected,
  }: Pick<SectionStart, 'receivedAtMicros' | 'names'> & { readonly rejected: Rejected },
): UsageEvent | undefined {
  const read = parseLine(line, ['body', number])
  const parsed =
    'fault' in read
      ? { issues: [read.fault] }
      : parseUsageEvent(read.value, { loc: ['body', number], receivedAtMicros })
  if ('event' in parsed) return parsed.event
  rejected.rejected += 1
  if (names.isFull) return undefined
  const id = 'value' in read ? readableId(read.value, 'transaction_id') : null
  const named = names.name({ line: number, transaction_id: id, errors: parsed.issues })
  if (named !== undefined) rejected.rejections.push(named)
  return undefined
}

type ReadLine = { readonly value: unknown } | { readonly fault: Issue }

function parseLine(line: Line, loc: Issue['loc']): ReadLine {
  if (line === 'too_long') return { fault: { loc, msg: 'the line is longer than 1 MiB', type: 'line_too_long' } }
  if (!isUtf8(line)) return { fault: { loc, msg: 'the line is not UTF-8', type: 'json_invalid' } }
  const oversize = findOversize(line, loc)
  if (oversize !== undefined) return { fault: oversize }
  const text = line.toString()
  try {
    return { value: parseExactJson(text) }
  } catch (error) {
    return {
      fault: { loc, msg: error instanceof SyntaxError ? error.message : 'cannot be read', type: 'json_invalid' },
    }
  }
}
