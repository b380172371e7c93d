import { setTimeout as pause } from 'node:timers/promises'
import type { RunningProcess } from './running-process.ts'

const FIRST_DELAY_MS = 250
const LAST_DELAY_MS = 5_000
/** Who lived this long has started well: its next death is answered at once again. */
const WELL_STARTED_MS = 10_000

export interface KeptAliveOptions {
  readonly launch: () => Promise<RunningProcess>
  /** It died, `how` says the way; it is launched again after the delay. */
  readonly onDeath: (how: string, delayMs: number) => void
  readonly onRestart: (pid: number) => void
}

/** One process that is launched again whenever it dies, until it is stopped. */
export class KeptAlive {
  readonly #options: KeptAliveOptions
  readonly #stopping = new AbortController()
  #running: RunningProcess | undefined
  #restarts = 0
  #keeping: Promise<void> = Promise.resolve()

  constructor(options: KeptAliveOptions) {
    this.#options = options
  }

  /** The process id, undefined between a death and the next launch. */
  get pid(): number | undefined {
    return this.#running?.pid
  }

  get restarts(): number {
    return this.#restarts
  }

  /** Launches it. Rejects when the first launch fails; later failures count as deaths. */
  async start(): Promise<void> {
    this.#running = await this.#options.launch()
    this.#keeping = this.#keep()
  }

  /** Stops it for good and resolves when it is gone. */
  async stop(): Promise<void> {
    this.#stopping.abort()
    await this.#running?.stop()
    await this.#keeping
  }

  async #keep(): Promise<void> {
    let delayMs = FIRST_DELAY_MS
    while (!this.#stopping.signal.aborted) {
      const startedAt = Date.now()
      const how = this.#running === undefined ? 'a failed start' : await this.#running.exited
      this.#running = undefined
      if (this.#stopping.signal.aborted) return
      if (how !== 'a failed start' && Date.now() - startedAt >= WELL_STARTED_MS) delayMs = FIRST_DELAY_MS
      this.#options.onDeath(how, delayMs)
      await this.#launchAfter(delayMs)
      delayMs = Math.min(delayMs * 2, LAST_DELAY_MS)
    }
  }

  async #launchAfter(delayMs: number): Promise<void> {
    try {
      await pause(delayMs, undefined, { signal: this.#stopping.signal })
      const running = await this.#options.launch()
      // It may have been stopped while it was launched.
      if (this.#stopping.signal.aborted) return await running.stop()
      this.#running = running
      this.#restarts += 1
      this.#options.onRestart(running.pid)
    } catch (error) {
      if (!this.#stopping.signal.aborted) this.#options.onDeath(String(error), delayMs)
    }
  }
}
