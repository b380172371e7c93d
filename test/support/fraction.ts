/** An exact number: `top` over `bottom`, the bottom above zero. It shares nothing with the decimals of the engine. */
export interface Fraction {
  readonly top: bigint
  readonly bottom: bigint
}

export const NOTHING: Fraction = { top: 0n, bottom: 1n }
export const ONE: Fraction = { top: 1n, bottom: 1n }

/** A whole number, or decimal text such as `-0.25`, `.5` or `1e3`. */
export function fraction(written: string | number | bigint): Fraction {
  const parts = /^([+-]?)(\d*)\.?(\d*)(?:e([+-]?\d+))?$/i.exec(String(written))
  if (parts === null) throw new Error(`${written} is no decimal`)
  const [, sign, whole = '', digits = '', exponent = '0'] = parts
  const top = BigInt(`${whole}${digits}` || '0') * (sign === '-' ? -1n : 1n)
  const places = digits.length - Number(exponent)
  return places > 0 ? reduced(top, 10n ** BigInt(places)) : { top: top * 10n ** BigInt(-places), bottom: 1n }
}

export function plus(one: Fraction, other: Fraction): Fraction {
  if (one.bottom === other.bottom) return { top: one.top + other.top, bottom: one.bottom }
  return reduced(one.top * other.bottom + other.top * one.bottom, one.bottom * other.bottom)
}

export function minus(one: Fraction, other: Fraction): Fraction {
  return plus(one, { top: -other.top, bottom: other.bottom })
}

export function times(one: Fraction, other: Fraction): Fraction {
  return reduced(one.top * other.top, one.bottom * other.bottom)
}

export function over(one: Fraction, other: Fraction): Fraction {
  const sign = other.top < 0n ? -1n : 1n
  return reduced(sign * one.top * other.bottom, sign * one.bottom * other.top)
}

/** Below zero, zero or above it, as `one` is less than, equal to or more than `other`. */
export function compare(one: Fraction, other: Fraction): number {
  const difference = one.top * other.bottom - other.top * one.bottom
  return difference < 0n ? -1 : Number(difference > 0n)
}

export function least(one: Fraction, other: Fraction): Fraction {
  return compare(one, other) <= 0 ? one : other
}

export function most(one: Fraction, other: Fraction): Fraction {
  return compare(one, other) >= 0 ? one : other
}

export function total(numbers: readonly Fraction[]): Fraction {
  return numbers.reduce(plus, NOTHING)
}

/** To so many digits behind the point, or before it when negative; `round` takes halves away from zero. */
export function rounded(number: Fraction, mode: 'round' | 'ceil' | 'floor', places: number): Fraction {
  const unit = fraction(`1e${-places}`)
  const { top, bottom } = over(number, unit)
  return times({ top: wholeOf(top, bottom, mode), bottom: 1n }, unit)
}

/** Text to ten digits behind the point, for comparison. */
export function shown(number: Fraction): string {
  const { top, bottom } = times(rounded(number, 'round', 10), fraction('1e10'))
  const digits = String(top / bottom).padStart(11, '0')
  return `${digits.slice(0, -10)}.${digits.slice(-10)}`.replace(/\.?0+$/, '')
}

function wholeOf(top: bigint, bottom: bigint, mode: 'round' | 'ceil' | 'floor'): bigint {
  const floor = (top - (((top % bottom) + bottom) % bottom)) / bottom
  const rest = top - floor * bottom
  if (mode === 'floor' || rest === 0n) return floor
  if (mode === 'ceil') return floor + 1n
  return 2n * rest > bottom || (2n * rest === bottom && top > 0n) ? floor + 1n : floor
}

function reduced(top: bigint, bottom: bigint): Fraction {
  let [one, other] = [top < 0n ? -top : top, bottom]
  while (other !== 0n) [one, other] = [other, one % other]
  return one > 1n ? { top: top / one, bottom: bottom / one } : { top, bottom }
}
