import { ClientError } from '../client-error.ts'
import { frameBytes } from './frame.ts'

interface Waiting {
  readonly text: Buffer
  readonly resolve: (sequence: number) => void
  readonly reject: (error: unknown) => void
}

/** Writes texts in the order given and answers the sequence of the first; all of them are kept, or none. */
type WriteTexts = (texts: readonly Buffer[]) => Promise<number>

const MAX_WRITE_BYTES = 1_048_576
/** Events that their callers did not wait for are held in memory up to this. */
const MAX_WAITING_BYTES = 64 * 1_048_576

/** Group commit: events that are recorded while the disk is busy share the next write and its sync. */
export class AppendQueue {
  readonly #write: WriteTexts
  #waiting: Waiting[] = []
  #waitingBytes = 0
  #running: Promise<void> | undefined

  constructor(write: WriteTexts) {
    this.#write = write
  }

  /** What it will take on the disk. */
  get waitingBytes(): number {
    return this.#waitingBytes
  }

  /** Resolves with its sequence once the text is kept. Throws `too_many_waiting`, and what writing throws. */
  add(text: Buffer): Promise<number> {
    const bytes = frameBytes(text.length)
    if (this.#waitingBytes + bytes > MAX_WAITING_BYTES) {
      const limit = `${MAX_WAITING_BYTES / 1_048_576} MiB of events`
      throw new ClientError('too_many_waiting', `${limit} wait for the disk: await record before recording more`)
    }
    this.#waitingBytes += bytes
    return new Promise((resolve, reject) => {
      this.#waiting.push({ text, resolve, reject })
      this.#running ??= this.#run()
    })
  }

  /** Resolves when nothing waits any more, however it ended. */
  async drain(): Promise<void> {
    while (this.#running !== undefined) await this.#running
  }

  async #run(): Promise<void> {
    // What is recorded in the same turn of the event loop goes together.
    await new Promise((resolve) => setImmediate(resolve))
    while (this.#waiting.length > 0) await this.#writeGroup(this.#takeGroup())
    this.#running = undefined
  }

  #takeGroup(): readonly Waiting[] {
    let bytes = 0
    let count = 0
    for (const { text } of this.#waiting) {
      if (count > 0 && bytes + text.length > MAX_WRITE_BYTES) break
      bytes += text.length
      count += 1
    }
    return this.#waiting.splice(0, count)
  }

  async #writeGroup(group: readonly Waiting[]): Promise<void> {
    try {
      const first = await this.#write(group.map(({ text }) => text))
      for (const [index, { resolve }] of group.entries()) resolve(first + index)
    } catch (error) {
      const failure = new ClientError('spool_write_failed', `the spool cannot be written: ${String(error)}`, error)
      for (const { reject } of group) reject(error instanceof ClientError ? error : failure)
    } finally {
      for (const { text } of group) this.#waitingBytes -= frameBytes(text.length)
    }
  }
}
