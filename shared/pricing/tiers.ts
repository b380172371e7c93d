import type { Exact } from '../money/decimal.ts'
import { decimal, ZERO } from '../money/decimal.ts'
import type { Location, PropertyFields } from './property-fields.ts'
import { canonical, findDecimal, openFields, optionalDecimal, refuse, requireDecimal } from './property-fields.ts'

/** What the price of a unit is called: an amount, or a percentage of the unit itself. */
type PriceName = 'per_unit_amount' | 'rate'

/** One range of a list of ranges as it is stored; numbers are decimal text. */
export type RangeProperties<Name extends PriceName = 'per_unit_amount'> = RangeBounds & Readonly<Record<Name, string>>

interface RangeBounds {
  readonly from_value: string
  /** Null in the last range only, which has no end. */
  readonly to_value: string | null
  readonly flat_amount: string
}

/** A range for pricing: it holds the units above `above`, up to and with `upTo`. */
export interface Tier {
  readonly above: Exact
  readonly upTo: Exact | null
  readonly perUnitAmount: Exact
  readonly flatAmount: Exact
}

/**
 * The tiers of stored ranges. A tier begins where the one before ends, whether the range was written to start at that
 * bound or one above it: so every unit, and every fraction of one, lies in exactly one tier.
 */
export function tiersOf(ranges: readonly RangeProperties[]): Tier[] {
  let above = ZERO
  return ranges.map((range) => {
    const upTo = range.to_value === null ? null : decimal(range.to_value)
    const tier = { above, upTo, perUnitAmount: decimal(range.per_unit_amount), flatAmount: decimal(range.flat_amount) }
    above = upTo ?? above
    return tier
  })
}

// Every bill walks them all.
const MAX_RANGES = 1_000

interface Range {
  readonly fields: PropertyFields
  readonly from: Exact
  readonly to: Exact | null
  readonly price: Exact
  readonly flatAmount: Exact
}

/**
 * Reads a list of ranges, which must begin at 0, ascend without gap or overlap, and end with an open one. Each may
 * start at the end of the one before, or one above it.
 */
export function requireRanges<Name extends PriceName>(
  fields: PropertyFields,
  name: string,
  priceName: Name,
): RangeProperties<Name>[] {
  const list = fields.values[name]
  if (list === undefined) refuse(fields, name, 'missing', 'is required')
  else if (!Array.isArray(list)) refuse(fields, name, 'list_type', 'must be a list of ranges')
  else if (list.length === 0) refuse(fields, name, 'too_short', 'must have at least one range')
  else if (list.length > MAX_RANGES) refuse(fields, name, 'too_long', `must have at most ${MAX_RANGES} ranges`)
  if (!Array.isArray(list) || list.length > MAX_RANGES) return []
  const faultsBefore = fields.issues.length
  const ranges = list.map((value, index) => readRange(fields, [name, index], value, priceName))
  // Bounds that could not be read have no order to check.
  if (fields.issues.length === faultsBefore) checkOrder(ranges)
  return ranges.map((range) => canonicalRange(range, priceName))
}

function readRange({ loc, issues }: PropertyFields, place: Location, value: unknown, priceName: PriceName): Range {
  const fields = openFields(value, [...loc, ...place], issues, ['from_value', 'to_value', priceName, 'flat_amount'])
  return {
    fields,
    from: requireDecimal(fields, 'from_value'),
    to: fields.values['to_value'] === null ? null : (findDecimal(fields, 'to_value') ?? null),
    price: requireDecimal(fields, priceName),
    flatAmount: optionalDecimal(fields, 'flat_amount'),
  }
}

function checkOrder(ranges: readonly Range[]): void {
  ranges.forEach((range, index) => {
    const before = ranges[index - 1]
    if (before === undefined) checkFirstStart(range)
    else if (before.to !== null) checkStart(range, before.to)
    checkEnd(range, before?.to ?? null, index === ranges.length - 1)
  })
}

function checkFirstStart({ fields, from }: Range): void {
  if (!from.isZero()) refuse(fields, 'from_value', 'range_start_not_zero', 'the first range must start at 0')
}

function checkStart({ fields, from }: Range, end: Exact): void {
  if (from.equals(end) || from.equals(end.plus(1))) return
  const [type, fault] = from.lessThan(end) ? ['range_overlap', 'overlaps'] : ['range_gap', 'leaves a gap after']
  const msg = `${fault} the range before; start at ${canonical(end)} or ${canonical(end.plus(1))}`
  refuse(fields, 'from_value', type, msg)
}

function checkEnd({ fields, from, to }: Range, endBefore: Exact | null, isLast: boolean): void {
  if (to === null) {
    if (!isLast) refuse(fields, 'to_value', 'range_open_before_last', 'only the last range may be open (null)')
  } else if (isLast) {
    refuse(fields, 'to_value', 'range_last_closed', 'the last range must be open (null), so that all usage has a price')
  } else if (to.lessThan(from) || endBefore?.greaterThanOrEqualTo(to)) {
    refuse(fields, 'to_value', 'range_descending', 'must be above the end of the range before')
  }
}

function canonicalRange<Name extends PriceName>(
  { from, to, price, flatAmount }: Range,
  priceName: Name,
): RangeProperties<Name> {
  const named = { [priceName]: canonical(price) } as Record<Name, string>
  return {
    from_value: canonical(from),
    to_value: to === null ? null : canonical(to),
    ...named,
    flat_amount: canonical(flatAmount),
  }
}
