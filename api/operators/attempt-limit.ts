/** How often one address may fail to sign in. */
export const ATTEMPTS_PER_WINDOW = 10
const WINDOW_MS = 60_000
const MAX_ADDRESSES = 10_000

interface Attempts {
  count: number
  readonly endsAtMs: number
}

/**
 * Slows down guessing: an address gets a number of attempts a minute, and one that succeeds is given back. An attempt
 * counts from its beginning, so that many at once are no way around it.
 */
export class AttemptLimit {
  readonly #byAddress = new Map<string, Attempts>()

  /** Takes an attempt; false when there is none left. */
  take(address: string, nowMs: number): boolean {
    const attempts = this.#current(address, nowMs)
    if (attempts.count >= ATTEMPTS_PER_WINDOW) return false
    attempts.count += 1
    return true
  }

  /** Gives back the attempts of an address that has signed in. */
  clear(address: string): void {
    this.#byAddress.delete(address)
  }

  #current(address: string, nowMs: number): Attempts {
    const known = this.#byAddress.get(address)
    if (known !== undefined && known.endsAtMs > nowMs) return known
    if (this.#byAddress.size >= MAX_ADDRESSES) this.#forgetEnded(nowMs)
    const attempts = { count: 0, endsAtMs: nowMs + WINDOW_MS }
    this.#byAddress.set(address, attempts)
    return attempts
  }

  #forgetEnded(nowMs: number): void {
    for (const [address, { endsAtMs }] of this.#byAddress) {
      if (endsAtMs <= nowMs) this.#byAddress.delete(address)
    }
  }
}
