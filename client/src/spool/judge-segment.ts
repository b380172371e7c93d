import { type Frame, frameAt } from './frame.ts'

/**
 * What a segment holds after a crash. `torn`: its end was being written and nobody was told that it is safe, so it goes.
 * `damaged`: events that were safe are no longer readable; the others still are.
 */
export type SegmentJudgement =
  | { readonly state: 'whole' | 'torn'; readonly frames: readonly Frame[]; readonly validBytes: number }
  | { readonly state: 'damaged'; readonly frames: readonly Frame[] }

/** Only the newest segment can be torn: the others were complete on the disk before it was begun. */
export function judgeSegment(
  bytes: Buffer,
  { firstSequence, isNewest }: { readonly firstSequence: number; readonly isNewest: boolean },
): SegmentJudgement {
  const frames = readFrames(bytes, 0)
  const validBytes = frames.at(-1)?.end ?? 0
  if (validBytes === bytes.length) return { state: 'whole', frames, validBytes }
  const behind = findFramesBehind(bytes, validBytes)
  const nextSequence = (frames.at(-1)?.sequence ?? firstSequence - 1) + 1
  // A power failure may keep a later page of one write and lose an earlier one; then no frame behind vouches for it.
  const wasSafe = behind.some((frame) => frame.durableThrough >= nextSequence)
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
