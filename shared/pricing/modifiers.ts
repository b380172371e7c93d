import type { Issue } from '../errors.ts'
import type { Exact } from '../money/decimal.ts'
import { type Charge, canProrate, neededUsage } from './charge-models.ts'
import type { PriceMatrix } from './matrix.ts'
import type { PricedWindows } from './priced-windows.ts'
import type { PricingUnit } from './pricing-unit.ts'
import type { Location } from './property-fields.ts'
import type { UnitConversion } from './unit-conversion.ts'

/** What is done to the units or the amount of a charge around its model. Absent: nothing. */
export interface ChargeModifiers {
  readonly unitConversion?: UnitConversion
  /** Units of each period that cost nothing, as they are after the conversion. */
  readonly freeUnits?: Exact
  /** Prices by two properties of the events, in place of the charge's one. */
  readonly matrix?: PriceMatrix
  /** The usage of each window is priced by itself. */
  readonly windows?: PricedWindows
  readonly pricingUnit?: PricingUnit
  /** Taken off the amount, in percent: 0 to 100. */
  readonly percentageDiscount?: Exact
  /** What a period costs at most, in minor units. */
  readonly maxAmountMinor?: bigint
  /** What a whole period costs at least, in minor units. */
  readonly minAmountMinor?: bigint
  /** Whether units are weighed by the days they were held. */
  readonly prorated?: boolean
}

/** Every reason why modifiers do not go with a charge or with one another; `loc` is where the modifiers stand. */
export function combinationIssues(charge: Charge, modifiers: ChargeModifiers, loc: Location): Issue[] {
  const { unitConversion, freeUnits, matrix, windows, prorated } = modifiers
  const ofUnits = { unit_conversion: unitConversion, free_units: freeUnits, matrix }
  const issues: Issue[] = []
  const refuseAll = (given: Readonly<Record<string, unknown>>, msg: string): void => {
    for (const [name, value] of Object.entries(given)) {
      if (value !== undefined) issues.push({ loc: [...loc, name], msg, type: 'not_combinable' })
    }
  }
  if (neededUsage(charge) === 'events') {
    const msg = 'does not go with a price that depends on single events'
    refuseAll(ofUnits, msg)
    // Promised units are no events, so what they are worth could not be said.
    if (windows?.commitment !== undefined && 'units' in windows.commitment.committed) {
      issues.push({ loc: [...loc, 'windows', 'commitment', 'units'], msg, type: 'not_combinable' })
    }
  }
  if (matrix !== undefined && charge.model !== 'standard') refuseAll({ matrix }, 'goes with the model "standard" only')
  if (matrix !== undefined) refuseAll({ free_units: freeUnits, windows }, 'does not go with a matrix')
  if (prorated === true) {
    refuseAll({ ...ofUnits, windows }, 'does not go with a prorated charge')
    if (!canProrate(charge.model)) refuseAll({ prorated }, `does not go with the model "${charge.model}"`)
  }
  return issues
}
