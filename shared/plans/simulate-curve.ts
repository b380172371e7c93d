import { assert, validationError } from '../errors.ts'
import type { RatedLine } from '../invoicing/rated-line.ts'
import type { Exact } from '../money/decimal.ts'
import { planSimulator, type SimulatedPlan } from './simulate-plan.ts'

/** Quantities to be priced: evenly spaced, both ends included. */
export interface UnitRange {
  readonly from: Exact
  readonly to: Exact
  /** At least two. */
  readonly points: number
}

// Enough for any drawing; the ends are exact whatever their length.
const PLACES = 12

/** How many pricing steps all points of a curve may have. */
const MAX_CURVE_STEPS = 20_000

/**
 * What a whole period of one charge costs at each quantity of the range, in the order of the quantities. Throws
 * `validation_error` when they come to too many steps.
 */
export function simulateCurve(
  plan: SimulatedPlan,
  { componentId, range }: { componentId: string; range: UnitRange },
): readonly RatedLine[] {
  const simulate = planSimulator({ ...plan, components: plan.components.filter(({ id }) => id === componentId) })
  let steps = 0
  return quantitiesOf(range).map((units) => {
    const { lines } = simulate({ units: new Map([[componentId, units]]), events: new Map() })
    const line = lines.find(({ kind, portion }) => kind === 'usage' && portion === undefined)
    assert(line !== undefined, `component ${componentId} has no line`)
    steps += line.steps.length
    if (steps > MAX_CURVE_STEPS) throw tooManySteps()
    return line
  })
}

function tooManySteps(): Error {
  const msg = `the points of the curve have more than ${MAX_CURVE_STEPS} steps; ask for fewer points`
  return validationError([{ loc: ['body', 'range', 'points'], msg, type: 'too_many_steps' }])
}

/** The quantities of a range. */
export function quantitiesOf({ from, to, points }: UnitRange): readonly Exact[] {
  assert(points >= 2, 'a range has two ends')
  const last = points - 1
  return Array.from({ length: points }, (_, index) => {
    if (index === 0) return from
    if (index === last) return to
    return to.minus(from).times(index).div(last).plus(from).toDecimalPlaces(PLACES)
  })
}
