import { Exact } from './decimal.ts'

/**
 * Adds up decimals exactly. As long as a safe integer holds all digits, the sum is such an integer and a number of
 * places after the point, which costs a fraction of a decimal; from then on it is a decimal.
 */
export class ExactSum {
  #digits = 0
  #places = 0
  #decimal: Exact | null = null

  /** Adds a decimal given as text without an exponent. */
  add(text: string): void {
    const point = text.indexOf('.')
    // Up to fifteen digits are always a safe integer.
    if (this.#decimal === null && text.length <= 15) {
      const places = point === -1 ? 0 : text.length - point - 1
      const digits = point === -1 ? Number(text) : Number(text.slice(0, point) + text.slice(point + 1))
      if (this.#addDigits(digits, places)) return
    }
    this.#decimal = this.toDecimal().plus(text)
  }

  /** Takes away a decimal given as text without an exponent. */
  subtract(text: string): void {
    this.add(text.startsWith('-') ? text.slice(1) : `-${text}`)
  }

  /** Adds another sum, which stays as it is. */
  addSum(other: ExactSum): void {
    if (this.#decimal === null && other.#decimal === null && this.#addDigits(other.#digits, other.#places)) return
    this.#decimal = this.toDecimal().plus(other.toDecimal())
  }

  toDecimal(): Exact {
    return this.#decimal ?? new Exact(this.#digits).times(new Exact(10).pow(-this.#places))
  }

  /** Plain digits, without zeros at the end of a fraction. */
  toFixed(): string {
    if (this.#decimal === null && this.#places === 0) return String(this.#digits)
    return this.toDecimal().toFixed()
  }

  // Products and sums that come out safe were not rounded: an integer beyond the safe ones never rounds to one of them.
  #addDigits(digits: number, places: number): boolean {
    const common = Math.max(places, this.#places)
    const held = this.#digits * (POWERS_OF_TEN[common - this.#places] as number)
    const added = digits * (POWERS_OF_TEN[common - places] as number)
    const sum = held + added
    if (!Number.isSafeInteger(held) || !Number.isSafeInteger(added) || !Number.isSafeInteger(sum)) return false
    this.#digits = sum
    this.#places = common
    return true
  }
}

const POWERS_OF_TEN: readonly number[] = Array.from({ length: 16 }, (_, exponent) => 10 ** exponent)
