import { setTimeout as pause } from 'node:timers/promises'

/** What is being sent by this process, in two shares: endpoints that answer, and endpoints that failed last time. */
export class DeliverySlots {
  readonly #size: number
  readonly #sending: Readonly<Record<'healthy' | 'failing', Set<Promise<void>>>> = {
    healthy: new Set(),
    failing: new Set(),
  }

  /** Slots per share. */
  constructor(size: number) {
    this.#size = size
  }

  free(share: 'healthy' | 'failing'): number {
    return this.#size - this.#sending[share].size
  }

  /** Takes a slot until the work is over. The work must not reject. */
  start(share: 'healthy' | 'failing', work: Promise<void>): void {
    const sending = this.#sending[share]
    const slot: Promise<void> = work.finally(() => sending.delete(slot))
    sending.add(slot)
  }

  /** Whether anything is being sent. */
  get isBusy(): boolean {
    return this.#sending.healthy.size + this.#sending.failing.size > 0
  }

  /** Resolves when a slot becomes free, or after the time. */
  async change(limitMs: number): Promise<void> {
    const waiting = new AbortController()
    const limit = pause(limitMs, undefined, { signal: waiting.signal }).catch(() => undefined)
    await Promise.race([...this.#sending.healthy, ...this.#sending.failing, limit])
    waiting.abort()
  }
}
