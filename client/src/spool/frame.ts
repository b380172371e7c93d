import { crc32 } from 'node:zlib'
import { MAX_EVENT_BYTES } from '../event-text.ts'

/** One event in a segment. */
export interface Frame {
  readonly sequence: number
  /** All up to this one were safely on the disk when this one was written. */
  readonly durableThrough: number
  /** Where it starts and ends in the bytes it was read from. */
  readonly start: number
  readonly end: number
}

// Length of the text, checksum of all behind it, sequence, durableThrough.
const HEADER_BYTES = 24

export function encodeFrame(
  text: Buffer,
  { sequence, durableThrough }: Pick<Frame, 'sequence' | 'durableThrough'>,
): Buffer {
  const frame = Buffer.allocUnsafe(HEADER_BYTES + text.length)
  frame.writeUInt32BE(text.length, 0)
  frame.writeBigUInt64BE(BigInt(sequence), 8)
  frame.writeBigUInt64BE(BigInt(durableThrough), 16)
  text.copy(frame, HEADER_BYTES)
  frame.writeUInt32BE(crc32(frame.subarray(8)), 4)
  return frame
}

/** How many bytes a text takes in a segment. */
export function frameBytes(textBytes: number): number {
  return HEADER_BYTES + textBytes
}

/** The frame that starts here; `undefined` when it is incomplete, or not as it was written. */
export function frameAt(bytes: Buffer, start: number): Frame | undefined {
  if (start + HEADER_BYTES > bytes.length) return undefined
  const length = bytes.readUInt32BE(start)
  const end = start + HEADER_BYTES + length
  if (length === 0 || length > MAX_EVENT_BYTES || end > bytes.length) return undefined
  if (crc32(bytes.subarray(start + 8, end)) !== bytes.readUInt32BE(start + 4)) return undefined
  const sequence = Number(bytes.readBigUInt64BE(start + 8))
  return { sequence, durableThrough: Number(bytes.readBigUInt64BE(start + 16)), start, end }
}

export function textOf(bytes: Buffer, { start, end }: Frame): string {
  return bytes.toString('utf8', start + HEADER_BYTES, end)
}
