import { open } from 'node:fs/promises'
import { ClientError } from '../client-error.ts'
import { type Frame, frameAt, textOf } from './frame.ts'
import type { Segment } from './segments.ts'

/** An event as it waits to be sent. */
export interface SpooledEvent {
  readonly sequence: number
  readonly text: string
}

/** Events of one segment, and where the next begin in it. */
export interface SpooledBatch {
  readonly events: readonly SpooledEvent[]
  readonly endOffset: number
}

// Holds at least one of the largest events, and stays well below what the service takes in one body.
const READ_BYTES = 4 * 1_048_576

/** Where to read and how far. */
export interface Extent {
  readonly offset: number
  readonly maxEvents: number
  /** The last event that somebody was told is safe. */
  readonly throughSequence: number
}

/** The events of a segment from an offset on; none at its end. */
export async function readBatch(
  segment: Segment,
  { offset, maxEvents, throughSequence }: Extent,
): Promise<SpooledBatch> {
  const length = Math.min(READ_BYTES, segment.bytes - offset)
  if (length <= 0) return { events: [], endOffset: offset }
  const bytes = await readBytes(segment.path, offset, length)
  const frames: Frame[] = []
  const first = frameAt(bytes, 0)
  let frame = first
  while (frame !== undefined && frames.length < maxEvents && frame.sequence <= throughSequence) {
    frames.push(frame)
    frame = frameAt(bytes, frame.end)
  }
  if (first === undefined) {
    throw new ClientError('spool_damaged', `${segment.path} cannot be read at byte ${offset}: open the client again`)
  }
  const events = frames.map((found) => ({ sequence: found.sequence, text: textOf(bytes, found) }))
  return { events, endOffset: offset + (frames.at(-1)?.end ?? 0) }
}

async function readBytes(path: string, offset: number, length: number): Promise<Buffer> {
  const file = await open(path, 'r')
  try {
    const bytes = Buffer.allocUnsafe(length)
    let done = 0
    while (done < length) {
      const { bytesRead } = await file.read(bytes, done, length - done, offset + done)
      if (bytesRead === 0) break
      done += bytesRead
    }
    return bytes.subarray(0, done)
  } finally {
    await file.close()
  }
}
