import { rm } from 'node:fs/promises'
import { replaceFile } from './durable-file.ts'
import { encodeFrame, frameBytes } from './frame.ts'
import type { KeptProgress } from './kept-progress.ts'
import { mendSegment } from './mend-segment.ts'
import { readBatch, type SpooledBatch } from './read-batch.ts'
import { SegmentWriter, type WriterSettings } from './segment-writer.ts'
import { type FoundSegments, findSegments, openSegment, type Segment } from './segments.ts'
import { Turns } from './turns.ts'

export interface ChainSettings extends WriterSettings {
  readonly folder: string
  /** Beyond this a new segment is begun; one that is larger holds a single write. */
  readonly segmentBytes: number
  /** Throws when the folder is not ours any more; asked when something in it is not as it was left. */
  readonly requireHeld: () => Promise<void>
}

interface Parts {
  readonly progress: KeptProgress
  readonly found: FoundSegments
  readonly writer: SegmentWriter
}

/** The segments of a spool: events are appended to the newest, read from the oldest on, and settled ones go. */
export class SegmentChain {
  /** Segments of which something could not be read when they were opened. */
  readonly damaged: readonly string[]
  readonly #settings: ChainSettings
  readonly #progress: KeptProgress
  readonly #segments: Segment[]
  /** Events that are appended and a segment that is left wait for each other. */
  readonly #turns = new Turns()
  #writer: SegmentWriter
  #lastSequence: number
  /** Where the first event stands that was not read yet. */
  #unread: { readonly segment: Segment; readonly offset: number }

  private constructor(settings: ChainSettings, { progress, found, writer }: Parts) {
    this.damaged = found.damaged
    this.#settings = settings
    this.#progress = progress
    this.#segments = found.segments
    this.#writer = writer
    this.#lastSequence = Math.max(found.lastSequence, progress.now.settledThrough)
    this.#unread = { segment: found.segments[found.unsent.segment] as Segment, offset: found.unsent.offset }
  }

  /** Repairs what a crash has left in the folder, and begins where the progress ends. */
  static async open(settings: ChainSettings, progress: KeptProgress): Promise<SegmentChain> {
    const { folder } = settings
    const { settledThrough } = progress.now
    const found = await findSegments(folder, settledThrough)
    const lastSequence = Math.max(found.lastSequence, settledThrough)
    if (found.segments.length === 0) found.segments.push(await openSegment(folder, lastSequence + 1))
    const writer = await SegmentWriter.open(found.segments.at(-1) as Segment, settings)
    return new SegmentChain(settings, { progress, found, writer })
  }

  /** The highest sequence that was given out. */
  get lastSequence(): number {
    return this.#lastSequence
  }

  /** Bytes of segments of which something is not settled. */
  get unsettledBytes(): number {
    const closed = this.#segments.slice(0, -1).reduce((sum, { bytes }) => sum + bytes, 0)
    return closed + (this.#lastSequence <= this.#progress.now.settledThrough ? 0 : this.#writer.writtenBytes)
  }

  /** Keeps all texts or none, and answers the sequence of the first. */
  async append(texts: readonly Buffer[]): Promise<number> {
    return await this.#turns.take(() => this.#append(texts))
  }

  /** The events that come next, on the disk for sure; none when there are none. Reading again answers the same. */
  async read(maxEvents: number): Promise<SpooledBatch> {
    const throughSequence = this.#lastSequence
    await this.#writer.sync()
    for (;;) {
      const { segment, offset } = this.#unread
      if (offset < segment.bytes || segment === this.#segments.at(-1)) {
        const batch = await readBatch(segment, { offset, maxEvents, throughSequence })
        if (batch !== undefined) return batch
        await this.#mend(segment)
      } else this.#unread = { segment: this.#segments[this.#segments.indexOf(segment) + 1] as Segment, offset: 0 }
    }
  }

  /** Goes on behind a batch that was read. */
  passOver({ endOffset }: SpooledBatch): void {
    this.#unread = { segment: this.#unread.segment, offset: endOffset }
  }

  /** Deletes what the progress covers, but for the newest. What cannot be deleted is found settled at the next opening. */
  async dropSettled(): Promise<void> {
    while (this.#segments.length > 1) {
      const [oldest, next] = this.#segments as [Segment, Segment]
      if (!this.#progress.covers(next.firstSequence - 1)) return
      this.#segments.shift()
      if (this.#unread.segment === oldest) this.#unread = { segment: next, offset: 0 }
      await rm(oldest.path, { force: true }).catch(() => undefined)
    }
  }

  async close(): Promise<void> {
    await this.#writer.close()
  }

  async #append(texts: readonly Buffer[]): Promise<number> {
    const bytes = texts.reduce((sum, text) => sum + frameBytes(text.length), 0)
    const { writtenBytes, isSpoilt } = this.#writer
    if (isSpoilt || (writtenBytes > 0 && writtenBytes + bytes > this.#settings.segmentBytes)) await this.#beginSegment()
    const first = this.#lastSequence + 1
    const durableThrough = this.#lastSequence
    const frames = texts.map((text, index) => encodeFrame(text, { sequence: first + index, durableThrough }))
    await this.#write(Buffer.concat(frames))
    this.#lastSequence += texts.length
    return first
  }

  async #mend(segment: Segment): Promise<void> {
    await this.#settings.requireHeld()
    // The file that is being written cannot be replaced under its writer.
    await this.#turns.take(async () => {
      if (this.#writer.segment === segment) await this.#beginSegment()
    })
    const { firstSequence: nextSequence } = this.#segments[this.#segments.indexOf(segment) + 1] as Segment
    const { settledThrough } = this.#progress.now
    const { offset, lost } = await mendSegment(segment, { settledThrough, nextSequence })
    this.#unread = { segment, offset }
    if (lost !== undefined) this.#settings.onError(lost)
  }

  async #write(frames: Buffer): Promise<void> {
    try {
      await this.#writer.append(frames)
    } catch (error) {
      if (await this.#writer.isRemoved()) {
        await this.#beginSegment()
        return await this.#writer.append(frames)
      }
      // At once, so that a crash does not find at the end of the newest segment what was refused.
      if (this.#writer.isSpoilt) await this.#beginSegment().catch(() => undefined)
      throw error
    }
  }

  async #putBack(removed: SegmentWriter): Promise<void> {
    await this.#settings.requireHeld()
    await replaceFile(removed.segment.path, await removed.content())
  }

  async #beginSegment(): Promise<void> {
    const left = this.#writer
    await left.sync()
    if (await left.isRemoved()) await this.#putBack(left)
    // One without events has the name of the next, and what a failed write has left in it must not stay behind them.
    const isEmpty = left.segment.firstSequence > this.#lastSequence
    if (isEmpty) await rm(left.segment.path, { force: true })
    const segment = await openSegment(this.#settings.folder, this.#lastSequence + 1)
    this.#writer = await SegmentWriter.open(segment, this.#settings)
    this.#segments.splice(isEmpty ? -1 : this.#segments.length, 1, segment)
    if (isEmpty && this.#unread.segment === left.segment) this.#unread = { segment, offset: 0 }
    await left.close()
    await this.dropSettled()
  }
}
