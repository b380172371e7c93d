import { assert } from '../errors.ts'

/**
 * Splits an amount over weights by largest remainder (Hamilton's method): each part is the exact share rounded towards
 * zero, and the units left over go to the largest remainders, the earlier part first among equals. The parts always add
 * up to the amount. Weights are at least zero and, unless the amount is zero, not all zero.
 */
export function splitByLargestRemainder(amountMinor: bigint, weights: readonly bigint[]): bigint[] {
  assert(
    weights.every((weight) => weight >= 0n),
    'an amount was split over a negative weight',
  )
  if (amountMinor === 0n) return weights.map(() => 0n)
  if (amountMinor < 0n) return splitByLargestRemainder(-amountMinor, weights).map((part) => -part)
  const totalWeight = weights.reduce((sum, weight) => sum + weight, 0n)
  assert(totalWeight > 0n, 'an amount was split over no weight')
  const parts = weights.map((weight) => (amountMinor * weight) / totalWeight)
  const leftOver = amountMinor - parts.reduce((sum, part) => sum + part, 0n)
  const remainders = weights.map((weight) => (amountMinor * weight) % totalWeight)
  for (const index of indexesOfLargest(remainders, Number(leftOver))) parts[index] = (parts[index] ?? 0n) + 1n
  return parts
}

function indexesOfLargest(remainders: readonly bigint[], count: number): number[] {
  return remainders
    .map((remainder, index) => ({ remainder, index }))
    .sort((one, other) =>
      one.remainder === other.remainder ? one.index - other.index : one.remainder > other.remainder ? -1 : 1,
    )
    .slice(0, count)
    .map(({ index }) => index)
}
