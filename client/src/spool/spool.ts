import { mkdir, rm } from 'node:fs/promises'
import { ClientError } from '../client-error.ts'
import type { Settings } from '../client-options.ts'
import type { ReportError } from '../report-error.ts'
import { AppendQueue } from './append-queue.ts'
import { encodeFrame, frameBytes } from './frame.ts'
import { KeptProgress } from './kept-progress.ts'
import { type Range, readProgress, requireProducerId } from './progress.ts'
import { readBatch, type SpooledBatch } from './read-batch.ts'
import { makeReserve } from './reserve.ts'
import { SegmentWriter } from './segment-writer.ts'
import { type FoundSegments, findSegments, openSegment, type Segment } from './segments.ts'
import { SpoolLock } from './spool-lock.ts'

export type SpoolSettings = Pick<Settings, 'spoolDirectory' | 'producer' | 'lockWaitMs' | 'maxSpoolBytes' | 'fsync'>

/** Who is told what befalls a spool while it is open. */
export interface SpoolObserver {
  /** Another process has taken it. */
  readonly onLost: () => void
  readonly onError: ReportError
}

const SEGMENT_BYTES = 8 * 1_048_576

interface Parts {
  readonly folder: string
  readonly producerId: string
  readonly lock: SpoolLock
  readonly progress: KeptProgress
  readonly found: FoundSegments
  readonly writer: SegmentWriter
}

/** Events on the disk, from `append` until they are settled: segments that only grow, and how far they are settled. */
export class Spool {
  readonly producerId: string
  /** Segments of which something could not be read when it was opened. */
  readonly damaged: readonly string[]
  readonly #settings: SpoolSettings
  readonly #folder: string
  readonly #lock: SpoolLock
  readonly #segments: Segment[]
  readonly #queue = new AppendQueue((texts) => this.#write(texts))
  readonly #progress: KeptProgress
  #writer: SegmentWriter
  #lastSequence: number
  #unsent: { segment: number; offset: number }

  private constructor(settings: SpoolSettings, { folder, producerId, lock, progress, found, writer }: Parts) {
    this.#settings = settings
    this.#folder = folder
    this.producerId = producerId
    this.damaged = found.damaged
    this.#lock = lock
    this.#progress = progress
    this.#segments = found.segments
    this.#unsent = { ...found.unsent }
    this.#lastSequence = Math.max(found.lastSequence, progress.now.settledThrough)
    this.#writer = writer
  }

  /** Takes the folder for this process and repairs what a crash has left in it. */
  static async open(settings: SpoolSettings, { onLost, onError }: SpoolObserver): Promise<Spool> {
    const folder = settings.spoolDirectory
    await mkdir(folder, { recursive: true })
    const lock = await SpoolLock.acquire(folder, { waitMs: settings.lockWaitMs, onLost })
    try {
      const producerId = await requireProducerId(folder, settings.producer)
      const progress = await readProgress(folder)
      const found = await findSegments(folder, progress.settledThrough)
      const lastSequence = Math.max(found.lastSequence, progress.settledThrough)
      if (found.segments.length === 0) found.segments.push(await openSegment(folder, lastSequence + 1))
      const writer = await SegmentWriter.open(found.segments.at(-1) as Segment, settings.fsync)
      await makeReserve(folder)
      const kept = new KeptProgress(folder, { progress, onError })
      return new Spool(settings, { folder, producerId, lock, progress: kept, found, writer })
    } catch (error) {
      await lock.release()
      throw error
    }
  }

  /** The highest sequence that was given out. */
  get lastSequence(): number {
    return this.#lastSequence
  }

  get settledThrough(): number {
    return this.#progress.now.settledThrough
  }

  get unreported(): readonly Range[] {
    return this.#progress.now.unreported
  }

  /** Resolves with the sequence of the event once it is kept. Throws `spool_full` while too much waits to be sent. */
  async append(text: Buffer): Promise<number> {
    const held = this.#bytes() - (this.#isSettled() ? this.#writer.writtenBytes : 0) + this.#queue.waitingBytes
    const { maxSpoolBytes } = this.#settings
    if (held + frameBytes(text.length) > maxSpoolBytes) {
      const message = `${this.#folder} holds ${held} bytes of events that are not sent yet, of ${maxSpoolBytes} it may`
      throw new ClientError('spool_full', message)
    }
    return await this.#queue.add(text)
  }

  /** The next events that are not settled, on the disk for sure; none when there are none. */
  async readBatch(maxEvents: number): Promise<SpooledBatch> {
    await this.#writer.sync()
    for (;;) {
      const segment = this.#segments[this.#unsent.segment] as Segment
      if (this.#unsent.offset < segment.bytes || segment === this.#segments.at(-1)) {
        return await readBatch(segment, { offset: this.#unsent.offset, maxEvents, throughSequence: this.#lastSequence })
      }
      this.#unsent = { segment: this.#unsent.segment + 1, offset: 0 }
    }
  }

  /**
   * Notes that a batch needs no sending any more, then lets go of segments of which nothing does. On a disk that is full
   * that happens all the same, because it is what makes room.
   */
  async settle({ events, endOffset }: SpooledBatch, rejected: readonly Range[]): Promise<void> {
    const settledThrough = events.at(-1)?.sequence ?? this.settledThrough
    this.#unsent = { segment: this.#unsent.segment, offset: endOffset }
    await this.#progress.set({ settledThrough, unreported: [...this.unreported, ...rejected] })
    await this.#dropSettledSegments()
    if (!this.#progress.isWritten) await this.#progress.write()
  }

  /** Notes that the service knows of these rejected events. */
  async markReported(reported: readonly Range[]): Promise<void> {
    await this.#progress.set({ ...this.#progress.now, unreported: this.unreported.slice(reported.length) })
  }

  /** Waits until no event is being written. */
  async settleAppends(): Promise<void> {
    await this.#queue.drain()
  }

  /** Waits for events that are being written, and gives the folder free. */
  async close(): Promise<void> {
    await this.settleAppends()
    try {
      await this.#progress.close()
      await this.#writer.close()
    } finally {
      await this.#lock.release()
    }
  }

  async #write(texts: readonly Buffer[]): Promise<number> {
    const bytes = texts.reduce((sum, text) => sum + frameBytes(text.length), 0)
    const limit = Math.min(SEGMENT_BYTES, this.#settings.maxSpoolBytes / 4)
    const isFull = this.#writer.writtenBytes > 0 && this.#writer.writtenBytes + bytes > limit
    if (isFull || this.#writer.isSpoilt) await this.#beginSegment()
    const first = this.#lastSequence + 1
    const durableThrough = this.#lastSequence
    const frames = texts.map((text, index) => encodeFrame(text, { sequence: first + index, durableThrough }))
    await this.#append(Buffer.concat(frames))
    this.#lastSequence += texts.length
    return first
  }

  async #append(frames: Buffer): Promise<void> {
    try {
      await this.#writer.append(frames)
    } catch (error) {
      // At once, so that a crash does not find at the end of the newest segment what was refused.
      if (this.#writer.isSpoilt) await this.#beginSegment().catch(() => undefined)
      throw error
    }
  }

  async #beginSegment(): Promise<void> {
    const left = this.#writer
    await left.sync()
    // One without events has the name of the next, and what a failed write has left in it must not stay behind them.
    const isEmpty = left.segment.firstSequence > this.#lastSequence
    if (isEmpty) await rm(left.segment.path, { force: true })
    const segment = await openSegment(this.#folder, this.#lastSequence + 1)
    this.#writer = await SegmentWriter.open(segment, this.#settings.fsync)
    this.#segments.splice(isEmpty ? -1 : this.#segments.length, 1, segment)
    await left.close()
    await this.#dropSettledSegments()
  }

  // All but the newest, which is being written. What cannot be deleted now is found settled at the next opening.
  async #dropSettledSegments(): Promise<void> {
    while (this.#segments.length > 1 && this.#mayDrop((this.#segments[1] as Segment).firstSequence - 1)) {
      const [settled] = this.#segments.splice(0, 1)
      this.#unsent =
        this.#unsent.segment === 0 ? { segment: 0, offset: 0 } : { ...this.#unsent, segment: this.#unsent.segment - 1 }
      await rm((settled as Segment).path, { force: true }).catch(() => undefined)
    }
  }

  // Rejected events are sent and rejected once more after a crash, unless the disk has noted that they are to be reported.
  #mayDrop(throughSequence: number): boolean {
    if (throughSequence > this.settledThrough) return false
    return this.#progress.isWritten || !this.unreported.some(([first]) => first <= throughSequence)
  }

  #isSettled(): boolean {
    return this.#lastSequence <= this.settledThrough
  }

  #bytes(): number {
    const closed = this.#segments.slice(0, -1).reduce((sum, { bytes }) => sum + bytes, 0)
    return closed + this.#writer.writtenBytes
  }
}
