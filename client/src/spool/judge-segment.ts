import { type Frame, frameAt } from './frame.ts'

/**
 * What a segment holds after a crash. `torn`: nobody was told that what its end holds is safe, so it goes.
 * `damaged`: events that were safe are no longer readable; the others still are.
 */
export type SegmentJudgement =
  | { readonly state: 'whole' | 'torn'; readonly frames: readonly Frame[]; readonly validBytes: number }
  | { readonly state: 'damaged'; readonly frames: readonly Frame[] }

/** What the name of a segment and of the one after it say. */
export interface SegmentBounds {
  readonly firstSequence: number
  /** The first of the next segment; Infinity in the newest. */
  readonly nextSequence: number
}

/**
 * Only the newest segment can be torn in the midst of its events: the others were complete on the disk before it was begun.
 * Behind the last of its events any may hold what a failed write has left, and what was refused then is no event.
 */
export function judgeSegment(bytes: Buffer, { firstSequence, nextSequence }: SegmentBounds): SegmentJudgement {
  const isNewest = nextSequence === Infinity
  const frames = readFrames(bytes, 0).filter(({ sequence }) => sequence < nextSequence)
  const validBytes = frames.at(-1)?.end ?? 0
  if (validBytes === bytes.length) return { state: 'whole', frames, validBytes }
  const missing = (frames.at(-1)?.sequence ?? firstSequence - 1) + 1
  if (missing === nextSequence) return { state: 'torn', frames, validBytes }
  const behind = findFramesBehind(bytes, validBytes).filter(({ sequence }) => sequence < nextSequence)
  // A power failure may keep a later page of one write and lose an earlier one; then no frame behind vouches for it.
  const wasSafe = behind.some((frame) => frame.durableThrough >= missing)
  if (isNewest && !wasSafe) return { state: 'torn', frames, validBytes }
  return { state: 'damaged', frames: [...frames, ...behind] }
}

function readFrames(bytes: Buffer, from: number): Frame[] {
  const frames: Frame[] = []
  let frame = frameAt(bytes, from)
  while (frame !== undefined) {
    frames.push(frame)
    frame = frameAt(bytes, frame.end)
  }
  return frames
}

// Looks at every byte, because the length of what cannot be read is unknown; a checksum of 32 bits tells a frame.
function findFramesBehind(bytes: Buffer, from: number): Frame[] {
  const found: Frame[] = []
  let at = from + 1
  while (at < bytes.length) {
    const frames = readFrames(bytes, at)
    found.push(...frames)
    at = frames.at(-1)?.end ?? at + 1
  }
  return found
}
