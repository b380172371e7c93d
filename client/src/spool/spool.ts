import { mkdir } from 'node:fs/promises'
import { ClientError } from '../client-error.ts'
import type { Settings } from '../client-options.ts'
import type { ReportError } from '../report-error.ts'
import { AppendQueue } from './append-queue.ts'
import { frameBytes } from './frame.ts'
import { KeptProgress } from './kept-progress.ts'
import { type Range, readProgress, requireProducerId } from './progress.ts'
import type { SpooledBatch } from './read-batch.ts'
import { makeReserve } from './reserve.ts'
import { SegmentChain } from './segment-chain.ts'
import { SpoolLock } from './spool-lock.ts'

export type SpoolSettings = Pick<Settings, 'spoolDirectory' | 'producer' | 'lockWaitMs' | 'maxSpoolBytes' | 'fsync'>

/** Who is told what befalls a spool while it is open. */
export interface SpoolObserver {
  /** Another process has taken it, or it was removed. */
  readonly onLost: () => void
  readonly onError: ReportError
}

const SEGMENT_BYTES = 8 * 1_048_576
// A disk that is full, a quota that is used up, and one that may only be read.
const UNWRITABLE: ReadonlySet<string> = new Set(['ENOSPC', 'EDQUOT', 'EROFS'])

interface Parts {
  readonly producerId: string
  readonly lock: SpoolLock
  readonly progress: KeptProgress
  readonly chain: SegmentChain
  readonly onError: ReportError
}

/** Events on the disk, from `append` until they are settled: segments that only grow, and how far they are settled. */
export class Spool {
  readonly producerId: string
  readonly #settings: SpoolSettings
  readonly #lock: SpoolLock
  readonly #progress: KeptProgress
  readonly #chain: SegmentChain
  readonly #queue: AppendQueue
  readonly #onError: ReportError

  private constructor(settings: SpoolSettings, { producerId, lock, progress, chain, onError }: Parts) {
    this.producerId = producerId
    this.#settings = settings
    this.#lock = lock
    this.#progress = progress
    this.#chain = chain
    this.#onError = onError
    this.#queue = new AppendQueue((texts) => chain.append(texts))
  }

  /** Takes the folder for this process and repairs what a crash has left in it. */
  static async open(settings: SpoolSettings, observer: SpoolObserver): Promise<Spool> {
    const folder = settings.spoolDirectory
    try {
      await mkdir(folder, { recursive: true })
      const lock = await SpoolLock.acquire(folder, { waitMs: settings.lockWaitMs, onLost: observer.onLost })
      try {
        return await Spool.#openLocked(settings, { lock, onError: observer.onError })
      } catch (error) {
        await lock.release()
        throw error
      }
    } catch (error) {
      throw notOpened(folder, error)
    }
  }

  static async #openLocked(
    settings: SpoolSettings,
    { lock, onError }: Pick<Parts, 'lock' | 'onError'>,
  ): Promise<Spool> {
    const folder = settings.spoolDirectory
    const producerId = await requireProducerId(folder, settings.producer)
    const progress = new KeptProgress(folder, { progress: await readProgress(folder), onError })
    const segmentBytes = Math.min(SEGMENT_BYTES, settings.maxSpoolBytes / 4)
    const requireHeld = () => lock.requireHeld()
    const chainSettings = { folder, durability: settings.fsync, segmentBytes, requireHeld, onError }
    const chain = await SegmentChain.open(chainSettings, progress)
    await makeReserve(folder)
    return new Spool(settings, { producerId, lock, progress, chain, onError })
  }

  /** Segments of which something could not be read when it was opened. */
  get damaged(): readonly string[] {
    return this.#chain.damaged
  }

  /** The highest sequence that was given out. */
  get lastSequence(): number {
    return this.#chain.lastSequence
  }

  get settledThrough(): number {
    return this.#progress.now.settledThrough
  }

  get unreported(): readonly Range[] {
    return this.#progress.now.unreported
  }

  /** Resolves with the sequence of the event once it is kept. Throws `spool_full` while too much waits to be sent. */
  async append(text: Buffer): Promise<number> {
    const held = this.#chain.unsettledBytes + this.#queue.waitingBytes
    const { spoolDirectory, maxSpoolBytes } = this.#settings
    if (held + frameBytes(text.length) > maxSpoolBytes) {
      const message = `${spoolDirectory} holds ${held} bytes of events that are not sent yet, of ${maxSpoolBytes} it may`
      throw new ClientError('spool_full', message)
    }
    return await this.#queue.add(text)
  }

  /** The next events that are not settled, on the disk for sure; none when there are none. */
  async readBatch(maxEvents: number): Promise<SpooledBatch> {
    const { lastSequence } = this
    const batch = await this.#chain.read(maxEvents).catch(unreadable)
    if (batch.events.length === 0 && this.settledThrough < lastSequence) await this.#giveUp(lastSequence)
    return batch
  }

  /**
   * Notes that a batch needs no sending any more, then lets go of segments of which nothing does. On a disk that is full
   * that happens all the same, because it is what makes room.
   */
  async settle(batch: SpooledBatch, rejected: readonly Range[]): Promise<void> {
    const settledThrough = batch.events.at(-1)?.sequence ?? this.settledThrough
    this.#chain.passOver(batch)
    await this.#progress.set({ settledThrough, unreported: [...this.unreported, ...rejected] })
    await this.#chain.dropSettled()
    if (!this.#progress.isWritten) await this.#progress.write()
  }

  // Nothing comes behind what was lost, so no batch that is settled passes over it.
  async #giveUp(lastSequence: number): Promise<void> {
    const message = `events ${this.settledThrough + 1} to ${lastSequence} are not in the spool any more`
    this.#onError(new ClientError('spool_damaged', message))
    await this.#progress.set({ ...this.#progress.now, settledThrough: lastSequence })
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
      // Another process that has the folder now has a progress of its own.
      if (!this.#progress.isWritten && (await this.#lock.isHeld())) await this.#progress.write()
      this.#progress.close()
      await this.#chain.close()
    } finally {
      await this.#lock.release()
    }
  }
}

function unreadable(error: unknown): never {
  if (error instanceof ClientError) throw error
  throw new ClientError('spool_unreadable', `events cannot be read from the spool: ${String(error)}`, error)
}

function notOpened(folder: string, error: unknown): ClientError {
  if (error instanceof ClientError) return error
  const code = UNWRITABLE.has((error as NodeJS.ErrnoException).code ?? '') ? 'spool_write_failed' : 'spool_unreadable'
  return new ClientError(code, `${folder} cannot be opened as a spool: ${String(error)}`, error)
}
