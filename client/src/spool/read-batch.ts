import { open } from 'node:fs/promises'
import { noneIfMissing, readBytes } from './durable-file.ts'
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

/** The events of a segment from an offset on; none at its end. `undefined` when what must be there cannot be read. */
export async function readBatch(
  segment: Segment,
  { offset, maxEvents, throughSequence }: Extent,
): Promise<SpooledBatch | undefined> {
  const length = Math.min(READ_BYTES, segment.bytes - offset)
  if (length <= 0) return { events: [], endOffset: offset }
  const bytes = await readFrom(segment.path, { offset, length })
  if (bytes === undefined) return undefined
  const frames: Frame[] = []
  const first = frameAt(bytes, 0)
  let frame = first
  while (frame !== undefined && frames.length < maxEvents && frame.sequence <= throughSequence) {
    frames.push(frame)
    frame = frameAt(bytes, frame.end)
  }
  if (first === undefined) return undefined
  const events = frames.map((found) => ({ sequence: found.sequence, text: textOf(bytes, found) }))
  return { events, endOffset: offset + (frames.at(-1)?.end ?? 0) }
}

async function readFrom(path: string, extent: { offset: number; length: number }): Promise<Buffer | undefined> {
  const file = await open(path, 'r').catch(noneIfMissing)
  if (file === undefined) return undefined
  try {
    return await readBytes(file, extent)
  } finally {
    await file.close()
  }
}
