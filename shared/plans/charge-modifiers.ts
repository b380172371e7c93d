import type { Issue } from '../errors.ts'
import type { UnitRounding } from '../metering/rounding.ts'
import { type Exact, ZERO } from '../money/decimal.ts'
import { readMatrix } from '../pricing/matrix.ts'
import type { ChargeModifiers } from '../pricing/modifiers.ts'
import { readWindows } from '../pricing/priced-windows.ts'
import type { PricingUnit } from '../pricing/pricing-unit.ts'
import {
  checkWhole,
  findDecimal,
  type Location,
  openFields,
  type Parsed,
  type PropertyFields,
  parsed,
  refuse,
} from '../pricing/property-fields.ts'
import type { UnitConversion } from '../pricing/unit-conversion.ts'

/** The fields of a charge that modify it, as requests and the database name them. */
export const MODIFIER_NAMES = [
  'min_amount_cents',
  'max_amount_cents',
  'free_units',
  'percentage_discount',
  'unit_conversion',
  'pricing_unit',
  'matrix',
  'windows',
  'prorated',
] as const

export type ModifierName = (typeof MODIFIER_NAMES)[number]

/** Reads modifiers as they came from a request or from the database. */
export function parseModifiers(modifiers: Readonly<Record<string, unknown>>, loc: Location): Parsed<ChargeModifiers> {
  const issues: Issue[] = []
  const fields = openFields(modifiers, loc, issues, MODIFIER_NAMES)
  const minimum = findWhole(fields, 'min_amount_cents')
  const maximum = findWhole(fields, 'max_amount_cents')
  if (minimum !== undefined && maximum?.lessThan(minimum)) {
    refuse(fields, 'max_amount_cents', 'greater_than_equal', 'must not be less than min_amount_cents')
  }
  const freeUnits = findDecimal(fields, 'free_units')
  const percentageDiscount = findDecimal(fields, 'percentage_discount')
  if (percentageDiscount?.greaterThan(100)) {
    refuse(fields, 'percentage_discount', 'less_than_equal', 'must not be more than 100')
  }
  const unitConversion = findObject(fields, 'unit_conversion', readConversion)
  const pricingUnit = findObject(fields, 'pricing_unit', readPricingUnit)
  const matrix = findObject(fields, 'matrix', readMatrix)
  const windows = findObject(fields, 'windows', readWindows)
  return parsed(issues, () => ({
    ...(minimum === undefined ? {} : { minAmountMinor: BigInt(minimum.toFixed()) }),
    ...(maximum === undefined ? {} : { maxAmountMinor: BigInt(maximum.toFixed()) }),
    ...(freeUnits === undefined ? {} : { freeUnits }),
    ...(percentageDiscount === undefined ? {} : { percentageDiscount }),
    ...(unitConversion === undefined ? {} : { unitConversion }),
    ...(pricingUnit === undefined ? {} : { pricingUnit }),
    ...(matrix === undefined ? {} : { matrix }),
    ...(windows === undefined ? {} : { windows }),
    ...(modifiers['prorated'] === undefined ? {} : { prorated: modifiers['prorated'] === true }),
  }))
}

function findWhole(fields: PropertyFields, name: ModifierName): Exact | undefined {
  const number = findDecimal(fields, name)
  if (number !== undefined) checkWhole(fields, name, number)
  return number?.isInteger() === true ? number : undefined
}

function findObject<T>(
  { values, loc, issues }: PropertyFields,
  name: ModifierName,
  read: (value: unknown, loc: Location, issues: Issue[]) => T,
): T | undefined {
  return values[name] === undefined ? undefined : read(values[name], [...loc, name], issues)
}

function readConversion(value: unknown, loc: Location, issues: Issue[]): UnitConversion {
  const fields = openFields(value, loc, issues, ['operation', 'factor', 'rounding_mode', 'precision'])
  const { operation, rounding_mode: mode, precision } = fields.values
  return {
    operation: operation as UnitConversion['operation'],
    factor: requirePositive(fields, 'factor'),
    rounding: mode == null ? null : { mode: mode as UnitRounding['mode'], precision: Number(precision ?? 0) },
  }
}

function readPricingUnit(value: unknown, loc: Location, issues: Issue[]): PricingUnit {
  const fields = openFields(value, loc, issues, ['code', 'conversion_rate'])
  return { code: String(fields.values['code']), conversionRate: requirePositive(fields, 'conversion_rate') }
}

function requirePositive(fields: PropertyFields, name: string): Exact {
  if (fields.values[name] === undefined) refuse(fields, name, 'missing', 'is required')
  const number = findDecimal(fields, name)
  if (number?.isZero()) refuse(fields, name, 'greater_than', 'must be more than zero')
  return number ?? ZERO
}
