/** A body that is being read. */
export interface OpenReading {
  /** Of what was read, what is held until more has come. */
  heldBytes: number
  /** How often it was looked at since it is waited for. */
  looks: number
  /** Ends the reading, because its sender took too long. */
  expire(timeoutSeconds: number): void
}

export interface BodyLimits {
  /** Of all bodies together. */
  readonly maxHeldBytes: number
  /** How long a sender is waited for, or a sixth longer. */
  readonly timeoutSeconds: number
}

/** Less of a body is always held, so that single events come through while large bodies fill the memory. */
const ALWAYS_HELD_BYTES = 16 * 1024
const LOOKS = 6

/**
 * The bodies that a process is reading: what they hold together is bounded, and so is how long their senders are waited
 * for. They are looked at now and then, because a timer for each would cost the many that come at once.
 */
export class OpenBodies {
  readonly #limits: BodyLimits
  readonly #awaited = new Set<OpenReading>()
  readonly #timer: NodeJS.Timeout
  #heldBytes = 0

  constructor(limits: BodyLimits) {
    this.#limits = limits
    this.#timer = setInterval(() => this.#look(), (limits.timeoutSeconds * 1000) / LOOKS).unref()
  }

  /** From now on the sender is waited for. */
  await(reading: OpenReading): void {
    reading.looks = 0
    this.#awaited.add(reading)
  }

  /** What was waited for has come. */
  receive(reading: OpenReading): void {
    this.#awaited.delete(reading)
  }

  /** Says how much a body holds now; answers whether it may. While no other holds anything, it may. */
  hold(reading: OpenReading, bytes: number): boolean {
    const othersBytes = this.#heldBytes - reading.heldBytes
    const fits = othersBytes === 0 || othersBytes + bytes <= this.#limits.maxHeldBytes
    if (!fits && bytes > ALWAYS_HELD_BYTES) return false
    reading.heldBytes = bytes
    this.#heldBytes = othersBytes + bytes
    return true
  }

  /** The reading is over; a second time does nothing. */
  close(reading: OpenReading): void {
    this.#awaited.delete(reading)
    this.#heldBytes -= reading.heldBytes
    reading.heldBytes = 0
  }

  /** Waits for nobody any more. */
  stop(): void {
    clearInterval(this.#timer)
  }

  #look(): void {
    for (const reading of this.#awaited) {
      reading.looks += 1
      // The first of them may come at once.
      if (reading.looks > LOOKS) reading.expire(this.#limits.timeoutSeconds)
    }
  }
}
