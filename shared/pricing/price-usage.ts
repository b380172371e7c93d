import { assert } from '../errors.ts'
import { Exact, ZERO } from '../money/decimal.ts'
import { fromMinor } from '../money/round.ts'
import type { Charge } from './charge-models.ts'
import { priceCharge } from './charge-models.ts'
import { priceMatrix } from './matrix.ts'
import { aboveMaximum } from './maximum-spend.ts'
import type { MatrixCell, MeteredUsage } from './metered-usage.ts'
import type { ChargeModifiers } from './modifiers.ts'
import { percentageOf } from './percentage-discount.ts'
import { priceWindows } from './priced-windows.ts'
import type { Pricing } from './pricing.ts'
import { divideForDisplay, pricingOf } from './pricing.ts'
import { toCurrency } from './pricing-unit.ts'
import { convertUnits } from './unit-conversion.ts'
import { beyondFreeUnits } from './usage-discount.ts'

/** What a modifier added to the amount of the steps, or below zero took off, in major units. */
export const ADJUSTMENT_KINDS = [
  'overage',
  'true_up',
  'conversion',
  'percentage_discount',
  'maximum_spend',
  // On late lines: what was billed of the period before, and what of a credit waits for a later invoice.
  'billed_before',
  'credited_later',
] as const

export interface Adjustment {
  readonly kind: (typeof ADJUSTMENT_KINDS)[number]
  readonly amount: Exact
}

/** A price with its modifiers. The amounts of steps and adjustments add up to the amount, which is never negative. */
export interface ModifiedPricing extends Pricing {
  readonly adjustments: readonly Adjustment[]
}

/**
 * The price of what a charge counted, exact and unrounded, in major units of the currency. Everything happens in this
 * order: units are converted, then free units taken off, the rest is priced (by matrix, by window with its commitment,
 * or as a whole), turned into the currency, discounted by percentage, and capped. The minimum of a charge is a line of
 * its own.
 */
export function priceUsage(
  charge: Charge,
  modifiers: ChargeModifiers,
  usage: MeteredUsage,
  currency: string,
): ModifiedPricing {
  const { pricing, adjustments: ofWindows } = priceModel(charge, modifiers, usage, currency)
  const adjustments = [...ofWindows]
  let amount = ofWindows.reduce((sum, adjustment) => sum.plus(adjustment.amount), pricing.amount)
  const adjust = (kind: Adjustment['kind'], change: Exact): void => {
    if (change.isZero()) return
    amount = amount.plus(change)
    adjustments.push({ kind, amount: change })
  }
  const { pricingUnit, percentageDiscount = ZERO, maxAmountMinor } = modifiers
  if (pricingUnit !== undefined) adjust('conversion', toCurrency(amount, pricingUnit).minus(amount))
  adjust('percentage_discount', percentageOf(amount, percentageDiscount).negated())
  if (maxAmountMinor !== undefined) {
    adjust('maximum_spend', aboveMaximum(amount, fromMinor(maxAmountMinor, currency)).negated())
  }
  if (adjustments.length === 0) return { ...pricing, adjustments }
  assert(!amount.lessThan(0), 'modifiers priced usage below zero')
  amount = amount.toDecimalPlaces(ADJUSTED_PLACES)
  return { ...pricing, amount, unitAmount: divideForDisplay(amount, pricing.units), adjustments }
}

// Fewer than a price has, so that a periodic fraction that was cut there and then multiplied is put back as well.
const ADJUSTED_PLACES = 70

interface ModelPrice {
  readonly pricing: Pricing
  readonly adjustments: readonly Adjustment[]
}

function priceModel(charge: Charge, modifiers: ChargeModifiers, usage: MeteredUsage, currency: string): ModelPrice {
  const { matrix, windows, prorated = false } = modifiers
  assert(!prorated || usage.stack !== undefined || usage.units.isZero(), 'a prorated charge was asked without days')
  if (matrix !== undefined) {
    assert(charge.model === 'standard', 'a matrix was put on another model than standard')
    const cells = convertCells(usage.cells ?? [], modifiers)
    return { pricing: pricingOfSteps(usage, priceMatrix(charge.properties, matrix, cells)), adjustments: [] }
  }
  if (windows !== undefined) {
    assert(usage.windows !== undefined, 'a price by window was asked for without windows')
    const portions = priceableUsage(usage.windows, modifiers)
    const { steps, overage, trueUp } = priceWindows(charge, portions, {
      commitment: windows.commitment,
      unusedWindows: usage.unusedWindows ?? 0,
      currency,
    })
    return { pricing: pricingOfSteps(usage, steps), adjustments: windowAdjustments(overage, trueUp) }
  }
  const [priceable = usage] = priceableUsage([usage], modifiers)
  const pricing = priceCharge(charge, priceable, currency)
  return { pricing: priceable === usage ? pricing : pricingOfSteps(usage, pricing.steps), adjustments: [] }
}

// What is shown are the units that were counted; those that were priced stand in the steps.
function pricingOfSteps({ units }: MeteredUsage, steps: Pricing['steps']): Pricing {
  const counted = Exact.max(units, 0)
  return pricingOf(counted, counted, steps)
}

function priceableUsage(
  portions: readonly MeteredUsage[],
  { unitConversion, freeUnits = ZERO }: ChargeModifiers,
): readonly MeteredUsage[] {
  if (unitConversion === undefined && freeUnits.isZero()) return portions
  const converted = portions.map(({ units }) => (unitConversion ? convertUnits(units, unitConversion) : units))
  return beyondFreeUnits(converted, freeUnits).map((units, index) => ({
    units,
    eventsCount: portions[index]?.eventsCount ?? 0n,
  }))
}

function convertCells(cells: readonly MatrixCell[], { unitConversion }: ChargeModifiers): readonly MatrixCell[] {
  if (unitConversion === undefined) return cells
  return cells.map((cell) => ({ ...cell, units: convertUnits(cell.units, unitConversion) }))
}

function windowAdjustments(overage: Exact, trueUp: Exact): Adjustment[] {
  const adjustments: Adjustment[] = [
    { kind: 'overage', amount: overage },
    { kind: 'true_up', amount: trueUp },
  ]
  return adjustments.filter(({ amount }) => !amount.isZero())
}
