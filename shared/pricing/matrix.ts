import type { Issue } from '../errors.ts'
import { decimal, type Exact, ZERO } from '../money/decimal.ts'
import type { MatrixCell } from './metered-usage.ts'
import type { PricingStep } from './pricing.ts'
import { pricingStep } from './pricing.ts'
import type { Location, PropertyFields } from './property-fields.ts'
import { openFields, refuse, requireDecimal } from './property-fields.ts'
import type { StandardProperties } from './standard.ts'

/** Prices of a unit by the values of two event properties. What is not in the table costs the charge's own amount. */
export interface PriceMatrix {
  readonly dimensions: Pair
  readonly prices: readonly { readonly values: Pair; readonly amount: Exact }[]
}

type Pair = readonly [string, string]

/** Σ over the cells of units × the amount of their values; units of a cell below zero are priced as none. */
export function priceMatrix(
  { amount }: StandardProperties,
  matrix: PriceMatrix,
  cells: readonly MatrixCell[],
): PricingStep[] {
  const amounts = new Map(matrix.prices.map((price) => [JSON.stringify(price.values), price.amount]))
  return cells
    .filter(({ units }) => units.greaterThan(0))
    .map(({ values, units }) => {
      const perUnitAmount = amounts.get(JSON.stringify(values)) ?? decimal(amount)
      return pricingStep({ fromValue: ZERO, toValue: null, units, perUnitAmount, flatAmount: ZERO, cell: values })
    })
}

/** Reads a matrix as it came from a request or from the database; undefined with the faults noted in `issues`. */
export function readMatrix(value: unknown, loc: Location, issues: Issue[]): PriceMatrix | undefined {
  const faultsBefore = issues.length
  const fields = openFields(value, loc, issues, ['dimensions', 'prices'])
  const dimensions = requirePair(fields, 'dimensions', 'two names of event properties')
  if (dimensions[0] === dimensions[1] && dimensions[0] !== '') {
    refuse(fields, 'dimensions', 'duplicate_item', 'must be two different properties')
  }
  const prices = readPrices(fields)
  return issues.length > faultsBefore ? undefined : { dimensions, prices }
}

function readPrices(fields: PropertyFields): PriceMatrix['prices'] {
  const list = fields.values['prices']
  if (!Array.isArray(list) || list.length === 0) {
    refuse(fields, 'prices', list === undefined ? 'missing' : 'list_type', 'must be a list of at least one price')
    return []
  }
  const seen = new Set<string>()
  return list.map((value: unknown, index) => {
    const price = openFields(value, [...fields.loc, 'prices', index], fields.issues, ['values', 'amount'])
    const values = requirePair(price, 'values', 'two values, one for each dimension')
    const key = JSON.stringify(values)
    if (seen.has(key)) refuse(price, 'values', 'duplicate_item', 'an earlier price is for the same values')
    seen.add(key)
    return { values, amount: requireDecimal(price, 'amount') }
  })
}

function requirePair(fields: PropertyFields, name: string, what: string): Pair {
  const value = fields.values[name]
  if (Array.isArray(value) && value.length === 2 && value.every((text) => typeof text === 'string' && text !== '')) {
    return [String(value[0]), String(value[1])]
  }
  refuse(fields, name, value === undefined ? 'missing' : 'list_type', `must be ${what}`)
  return ['', '']
}
