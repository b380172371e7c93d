import type { Charge } from '../../../shared/pricing/charge-models.ts'
import type { RangeProperties } from '../../../shared/pricing/tiers.ts'

// An independent way to the same price: it walks the usage in tenths of a unit, one after the other, in bigint
// hundred-thousandths of a major unit. It knows no tiers as spans and never divides.
const SCALE = 100_000n

/** The price of `tenths` tenths of a unit, in 1/1,000,000 of a major unit. */
export function naivePrice(charge: Charge, tenths: number): bigint {
  switch (charge.model) {
    case 'standard':
      return BigInt(tenths) * scaled(charge.properties.amount)
    case 'graduated':
      return walkTiers(charge.properties.graduated_ranges, tenths)
    case 'volume':
      return oneTier(charge.properties.volume_ranges, tenths)
    case 'package':
      return openPackages(charge.properties, tenths)
  }
}

function walkTiers(ranges: readonly RangeProperties[], tenths: number): bigint {
  let total = 10n * scaled(ranges[0]?.flat_amount ?? '')
  let reached = 0
  for (let tenth = 1; tenth <= tenths; tenth += 1) {
    const tier = tierHolding(ranges, tenth)
    for (; reached < tier; reached += 1) total += 10n * scaled(ranges[reached + 1]?.flat_amount ?? '')
    total += scaled(ranges[tier]?.per_unit_amount ?? '')
  }
  return total
}

function oneTier(ranges: readonly RangeProperties[], tenths: number): bigint {
  const tier = ranges[tierHolding(ranges, tenths)]
  let total = 10n * scaled(tier?.flat_amount ?? '')
  for (let tenth = 1; tenth <= tenths; tenth += 1) total += scaled(tier?.per_unit_amount ?? '')
  return total
}

function openPackages(
  properties: { amount: string; package_size: string; free_units: string },
  tenths: number,
): bigint {
  let total = 0n
  let leftInPackage = 10 * Number(properties.free_units)
  for (let tenth = 1; tenth <= tenths; tenth += 1) {
    if (leftInPackage === 0) {
      total += 10n * scaled(properties.amount)
      leftInPackage = 10 * Number(properties.package_size)
    }
    leftInPackage -= 1
  }
  return total
}

function tierHolding(ranges: readonly RangeProperties[], tenth: number): number {
  return ranges.findIndex(({ to_value }) => to_value === null || tenth <= 10 * Number(to_value))
}

function scaled(text: string): bigint {
  const [whole = '', fraction = ''] = text.split('.')
  return BigInt(whole) * SCALE + BigInt(fraction.padEnd(5, '0'))
}
