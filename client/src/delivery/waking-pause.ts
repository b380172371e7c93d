/** A pause that can be cut short. It does not keep the process alive. */
export class WakingPause {
  #wake: (() => void) | undefined

  /** Resolves after the time, or at once when `wake` is called meanwhile. */
  async wait(durationMs: number): Promise<void> {
    await new Promise<void>((resolve) => {
      const timer = durationMs === Infinity ? undefined : setTimeout(resolve, Math.min(durationMs, 2 ** 31 - 1))
      timer?.unref()
      this.#wake = () => {
        clearTimeout(timer)
        resolve()
      }
    })
    this.#wake = undefined
  }

  wake(): void {
    this.#wake?.()
  }
}
