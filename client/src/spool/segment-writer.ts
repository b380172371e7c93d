import { type FileHandle, open } from 'node:fs/promises'
import { ClientError } from '../client-error.ts'
import type { ReportError } from '../report-error.ts'
import { readBytes } from './durable-file.ts'
import type { Segment } from './segments.ts'

export interface WriterSettings {
  /** Whether what is appended is on the disk when that is told, or within a second. */
  readonly durability: 'always' | 'interval'
  /** Told when the disk fails while nobody waits for it. */
  readonly onError: ReportError
}

const SYNC_AFTER_MS = 1_000

/** Appends to the newest segment. */
export class SegmentWriter {
  readonly segment: Segment
  readonly #file: FileHandle
  readonly #settings: WriterSettings
  #writtenBytes: number
  #isSpoilt = false
  #syncing: Promise<void> | undefined
  #syncSoon: NodeJS.Timeout | undefined

  private constructor(segment: Segment, file: FileHandle, settings: WriterSettings) {
    this.segment = segment
    this.#file = file
    this.#settings = settings
    this.#writtenBytes = segment.bytes
  }

  static async open(segment: Segment, settings: WriterSettings): Promise<SegmentWriter> {
    return new SegmentWriter(segment, await open(segment.path, 'r+'), settings)
  }

  get writtenBytes(): number {
    return this.#writtenBytes
  }

  /** What a failed write has left behind cannot be cut off: nothing more may be written here. */
  get isSpoilt(): boolean {
    return this.#isSpoilt
  }

  /**
   * Writes whole frames, and with `always` waits for the disk. When it throws, nothing of them may be read: a later event
   * takes their place, and a failed sync is never tried a second time on the same bytes.
   */
  async append(frames: Buffer): Promise<void> {
    const start = this.#writtenBytes
    const isSynced = this.#settings.durability === 'always'
    try {
      for (let done = 0; done < frames.length; ) {
        done += (await this.#file.write(frames, done, frames.length - done, start + done)).bytesWritten
      }
      if (await this.isRemoved()) throw new Error(`${this.segment.path} was removed`)
      if (isSynced) await this.#file.datasync()
    } catch (error) {
      await this.#cutOff(start)
      throw error
    }
    // Only now, so that a sync meanwhile does not let anybody read what may still fail.
    this.#writtenBytes = start + frames.length
    if (isSynced) this.segment.bytes = this.#writtenBytes
    else this.#syncSoon ??= setTimeout(() => void this.#syncUnasked(), SYNC_AFTER_MS).unref()
  }

  /** Brings what was written to the disk; only then may it be read and sent. */
  async sync(): Promise<void> {
    while (this.segment.bytes < this.#writtenBytes) {
      this.#syncing ??= this.#syncOnce()
      await this.#syncing
    }
  }

  /** Whether somebody has deleted the file: open, it still takes everything, and nobody would find it again. */
  async isRemoved(): Promise<boolean> {
    return (await this.#file.stat()).nlink === 0
  }

  /** All that was written, also of a file that was deleted. */
  async content(): Promise<Buffer> {
    return await readBytes(this.#file, { offset: 0, length: this.#writtenBytes })
  }

  async close(): Promise<void> {
    clearTimeout(this.#syncSoon)
    try {
      if (this.#isSpoilt) await this.#cutOff(this.#writtenBytes)
      await this.sync()
    } finally {
      await this.#file.close()
    }
  }

  async #cutOff(bytes: number): Promise<void> {
    try {
      await this.#file.truncate(bytes)
      this.#isSpoilt = false
    } catch {
      this.#isSpoilt = true
    }
  }

  async #syncUnasked(): Promise<void> {
    this.#syncSoon = undefined
    try {
      await this.sync()
    } catch (error) {
      const message = `what was recorded is not safe from a power failure: ${String(error)}`
      this.#settings.onError(new ClientError('spool_write_failed', message, error))
    }
  }

  async #syncOnce(): Promise<void> {
    const written = this.#writtenBytes
    try {
      await this.#file.datasync()
      this.segment.bytes = written
    } finally {
      this.#syncing = undefined
    }
  }
}
