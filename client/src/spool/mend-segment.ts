import { ClientError } from '../client-error.ts'
import { repair, type Segment } from './segments.ts'

/** Which events of a segment are still to be sent. */
interface Unsettled {
  readonly settledThrough: number
  /** The first of the segment behind it. */
  readonly nextSequence: number
}

/**
 * Makes a segment readable again of which a running process cannot read on, as the opening does. Answers where its first
 * unsettled event is, and what was lost of them.
 */
export async function mendSegment(
  segment: Segment,
  { settledThrough, nextSequence }: Unsettled,
): Promise<{ readonly offset: number; readonly lost: ClientError | undefined }> {
  const { path, firstSequence } = segment
  const { frames, bytes, keptAs } = await repair(path, { firstSequence, nextSequence })
  segment.bytes = bytes
  const unsettled = frames.filter(({ sequence }) => sequence > settledThrough)
  const lostCount = nextSequence - Math.max(firstSequence, settledThrough + 1) - unsettled.length
  const lost = `${lostCount} of the events of ${keptAs ?? path} cannot be read any more; all others are sent`
  return {
    offset: unsettled.at(0)?.start ?? bytes,
    lost: lostCount > 0 ? new ClientError('spool_damaged', lost) : undefined,
  }
}
