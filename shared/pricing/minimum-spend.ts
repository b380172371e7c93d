import { Exact } from '../money/decimal.ts'

/**
 * What a charge lacks to its minimum: max(minimum × billed days / period days − charged, 0), in major units. `charged` is
 * what its lines came to after their rounding, so that they and this come to the rounded minimum.
 */
export function belowMinimum({
  minimum,
  charged,
  billedDays,
  periodDays,
}: {
  minimum: Exact
  charged: Exact
  billedDays: number
  periodDays: number
}): Exact {
  return Exact.max(minimum.times(billedDays).div(periodDays).minus(charged), 0)
}
