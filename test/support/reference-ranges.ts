import { compare, type Fraction, fraction, least, most, NOTHING, plus, times, total } from './fraction.ts'

/** Units that came, or went, and for which part of the period that counts. */
export interface HeldLot {
  readonly units: Fraction
  readonly share: Fraction
}

export interface ReferenceRange {
  readonly end: Fraction | null
  readonly each: Fraction
  readonly flat: Fraction
}

interface SentRange {
  readonly to_value: string | number | null
  readonly flat_amount?: string
  readonly per_unit_amount?: string
  readonly rate?: string
}

const TENTH = fraction('0.1')
const HALF = fraction('0.5')

/** Pieces of a quantity, the last one perhaps smaller. */
export function* pieces(units: Fraction, size: Fraction): Generator<{ piece: Fraction; end: Fraction }> {
  let end = NOTHING
  while (compare(end, units) < 0) {
    const next = least(plus(end, size), units)
    yield { piece: plus(next, { top: -end.top, bottom: end.bottom }), end: next }
    end = next
  }
}

/** Ranges as they are sent; bounds are multiples of a half. */
export function rangesOf(sent: unknown): ReferenceRange[] {
  return (sent as readonly SentRange[]).map(({ to_value, flat_amount = '0', per_unit_amount, rate }) => ({
    end: to_value === null ? null : fraction(to_value),
    each: rate === undefined ? fraction(per_unit_amount ?? '0') : times(fraction(rate), fraction('0.01')),
    flat: fraction(flat_amount),
  }))
}

/** The place of the range in which the unit that ends at `place` lies. */
export function rangeHolding(ranges: readonly ReferenceRange[], place: Fraction): number {
  return ranges.findIndex(({ end }) => end === null || compare(place, end) <= 0)
}

function flatsUpTo(ranges: readonly ReferenceRange[], highest: Fraction): Fraction {
  return total(ranges.slice(0, rangeHolding(ranges, highest) + 1).map(({ flat }) => flat))
}

/** Each half unit at the price of its range, and the flat amounts of all ranges that were entered. */
export function walkRanges(ranges: readonly ReferenceRange[], units: Fraction): Fraction {
  let price = flatsUpTo(ranges, units)
  for (const { piece, end } of pieces(units, HALF)) {
    price = plus(price, times(piece, ranges[rangeHolding(ranges, end)]?.each ?? NOTHING))
  }
  return price
}

/**
 * Tenths of units that come lie on those that are there, those that go were the top ones; places below the ground cost
 * nothing, and a stack that ends there neither.
 */
export function walkStack(ranges: readonly ReferenceRange[], lots: readonly HeldLot[]): Fraction {
  let [height, highest, price] = [NOTHING, NOTHING, NOTHING]
  for (const { units, share } of lots) {
    const adds = units.top > 0n
    for (const { piece } of pieces(adds ? units : times(units, fraction(-1)), TENTH)) {
      const signed = adds ? piece : times(piece, fraction(-1))
      const top = adds ? plus(height, piece) : height
      const each = compare(top, NOTHING) > 0 ? (ranges[rangeHolding(ranges, top)]?.each ?? NOTHING) : NOTHING
      price = plus(price, times(times(signed, share), each))
      height = plus(height, signed)
    }
    highest = most(highest, height)
  }
  return compare(height, NOTHING) < 0 ? NOTHING : plus(price, flatsUpTo(ranges, highest))
}
