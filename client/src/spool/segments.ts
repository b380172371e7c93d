import { open, readdir, readFile, truncate } from 'node:fs/promises'
import { join } from 'node:path'
import { noneIfMissing, replaceFile, syncFolder } from './durable-file.ts'
import type { Frame } from './frame.ts'
import { judgeSegment, type SegmentBounds } from './judge-segment.ts'

/** A file of consecutive events, named by its first sequence. */
export interface Segment {
  readonly path: string
  readonly firstSequence: number
  /** Bytes that may be read: whole frames that are on the disk. */
  bytes: number
}

/** What was found in a folder, repaired. */
export interface FoundSegments {
  /** Oldest first. */
  readonly segments: Segment[]
  /** The highest sequence that was given out; 0 when nothing tells. */
  readonly lastSequence: number
  /** The first event after `settledThrough`: which segment, and where in it. */
  readonly unsent: { readonly segment: number; readonly offset: number }
  /** Segments of which something could not be read any more; the files are kept under these names. */
  readonly damaged: readonly string[]
}

const NAME = /^(\d{16})\.segment$/

function segmentPath(folder: string, firstSequence: number): string {
  return join(folder, `${String(firstSequence).padStart(16, '0')}.segment`)
}

/** Creates an empty segment, or takes up the newest one, to write at its end. */
export async function openSegment(folder: string, firstSequence: number): Promise<Segment> {
  const path = segmentPath(folder, firstSequence)
  await (await open(path, 'a')).close()
  await syncFolder(folder)
  return { path, firstSequence, bytes: 0 }
}

/** Reads every segment once, one at a time, and leaves only whole frames in them. */
export async function findSegments(folder: string, settledThrough: number): Promise<FoundSegments> {
  const names = (await readdir(folder)).filter((name) => NAME.test(name)).sort()
  const segments: Segment[] = []
  const damaged: string[] = []
  let lastSequence = 0
  let unsent: FoundSegments['unsent'] | undefined
  for (const [index, name] of names.entries()) {
    const path = join(folder, name)
    const firstSequence = firstSequenceOf(name)
    const nextSequence = firstSequenceOf(names[index + 1])
    const { frames, bytes, keptAs } = await repair(path, { firstSequence, nextSequence })
    if (keptAs !== undefined) damaged.push(keptAs)
    lastSequence = Math.max(lastSequence, firstSequence - 1, frames.at(-1)?.sequence ?? 0)
    const first = frames.find((frame) => frame.sequence > settledThrough)
    if (first !== undefined) unsent ??= { segment: index, offset: first.start }
    segments.push({ path, firstSequence, bytes })
  }
  const end = { segment: Math.max(0, segments.length - 1), offset: segments.at(-1)?.bytes ?? 0 }
  return { segments, lastSequence, unsent: unsent ?? end, damaged }
}

// Behind the newest there is none, so none of its events is too high.
function firstSequenceOf(name: string | undefined): number {
  return name === undefined ? Infinity : Number(NAME.exec(name)?.[1])
}

export interface Repaired {
  readonly frames: readonly Frame[]
  readonly bytes: number
  /** Where the file is kept as it was found, when it was damaged. */
  readonly keptAs?: string
}

/** Leaves only whole frames in a segment; one that is not there has none. */
export async function repair(path: string, bounds: SegmentBounds): Promise<Repaired> {
  const content = await readFile(path).catch(noneIfMissing)
  if (content === undefined) return { frames: [], bytes: 0 }
  const judgement = judgeSegment(content, bounds)
  if (judgement.state !== 'damaged') {
    // The next event must not be written behind bytes that no reader gets past.
    if (judgement.state === 'torn') await truncate(path, judgement.validBytes)
    return { frames: judgement.frames, bytes: judgement.validBytes }
  }
  const keptAs = `${path}.damaged-${Date.now()}`
  const readable = Buffer.concat(judgement.frames.map(({ start, end }) => content.subarray(start, end)))
  await replaceFile(keptAs, content)
  await replaceFile(path, readable)
  let offset = 0
  const frames = judgement.frames.map((frame): Frame => {
    const start = offset
    offset += frame.end - frame.start
    return { ...frame, start, end: offset }
  })
  return { frames, bytes: readable.length, keptAs }
}
