import { type FileHandle, open } from 'node:fs/promises'
import type { Segment } from './segments.ts'

/** Appends to the newest segment. */
export class SegmentWriter {
  readonly segment: Segment
  readonly #file: FileHandle
  readonly #durability: 'always' | 'interval'
  #writtenBytes: number
  #syncing: Promise<void> | undefined

  private constructor(segment: Segment, file: FileHandle, durability: 'always' | 'interval') {
    this.segment = segment
    this.#file = file
    this.#durability = durability
    this.#writtenBytes = segment.bytes
  }

  static async open(segment: Segment, durability: 'always' | 'interval'): Promise<SegmentWriter> {
    return new SegmentWriter(segment, await open(segment.path, 'r+'), durability)
  }

  get writtenBytes(): number {
    return this.#writtenBytes
  }

  /**
   * Writes whole frames, and with `always` waits for the disk. When it throws, nothing of them stays: a later event takes
   * their place, and a failed sync is never tried a second time on the same bytes.
   */
  async append(frames: Buffer): Promise<void> {
    const start = this.#writtenBytes
    try {
      for (let done = 0; done < frames.length; ) {
        done += (await this.#file.write(frames, done, frames.length - done, start + done)).bytesWritten
      }
      this.#writtenBytes = start + frames.length
      if (this.#durability === 'always') await this.sync()
    } catch (error) {
      await this.#file.truncate(start)
      this.#writtenBytes = start
      throw error
    }
  }

  /** Brings what was written to the disk; only then may it be read and sent. */
  async sync(): Promise<void> {
    while (this.segment.bytes < this.#writtenBytes) {
      this.#syncing ??= this.#syncOnce()
      await this.#syncing
    }
  }

  async close(): Promise<void> {
    try {
      await this.sync()
    } finally {
      await this.#file.close()
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
