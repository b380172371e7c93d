import { ZERO } from '../money/decimal.ts'
import { fromMinor } from '../money/round.ts'
import { divideForDisplay } from '../pricing/pricing.ts'
import type { RatedLine } from './rated-line.ts'

/**
 * A credit that several documents give, as the line that each of them gets, in order: they add up to the line. The units go
 * with the first part; what the parts before gave is billed no more for the next, as if that were rated after them.
 */
export function partsOfCredit(line: RatedLine, amountsMinor: readonly bigint[]): RatedLine[] {
  let before = ZERO
  return amountsMinor.map((amountMinor, place) => {
    const isLast = place === amountsMinor.length - 1
    const adjustments = (line.adjustments ?? []).map((adjustment) =>
      adjustment.kind === 'billed_before' ? { ...adjustment, amount: adjustment.amount.minus(before) } : adjustment,
    )
    const left = line.amount.minus(before)
    const amount = isLast ? left : fromMinor(amountMinor, line.currency)
    before = before.plus(amount)
    const later = { kind: 'credited_later' as const, amount: amount.minus(left) }
    const [units, eventsCount] = place === 0 ? [line.units, line.eventsCount] : [ZERO, 0n]
    return {
      ...line,
      units,
      eventsCount,
      unitAmount: place === 0 ? line.unitAmount : divideForDisplay(amount, units),
      amount,
      amountMinor,
      adjustments: isLast ? adjustments : [...adjustments, later],
    }
  })
}
