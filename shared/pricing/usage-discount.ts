import { Exact } from '../money/decimal.ts'

/**
 * max(units − free units, 0) for each portion in turn, where earlier portions use up the free units first. Slices of a
 * period need no care: each is priced as all usage so far minus what was billed.
 */
export function beyondFreeUnits(portions: readonly Exact[], freeUnits: Exact): Exact[] {
  let left = freeUnits
  return portions.map((units) => {
    const free = Exact.min(Exact.max(units, 0), left)
    left = left.minus(free)
    return units.minus(free)
  })
}
