import type { Issue } from '../errors.ts'
import { decimal, Exact, ZERO } from '../money/decimal.ts'
import type { GroupKeys } from './group-keys.ts'
import { findGroupKeys, GROUP_KEYS } from './group-keys.ts'
import type { Packages, Pricing, PricingStep, Quantity } from './pricing.ts'
import { pricingOf, pricingStep } from './pricing.ts'
import type { Location, Parsed } from './property-fields.ts'
import {
  canonical,
  checkWhole,
  openFields,
  optionalDecimal,
  parsed,
  refuse,
  requireDecimal,
} from './property-fields.ts'

/** Units come in packages of `package_size`, each at `amount`; the first `free_units` cost nothing. Decimal text. */
export interface PackageProperties extends GroupKeys {
  readonly amount: string
  readonly package_size: string
  readonly free_units: string
}

/** ⌈(units − free units) / package size⌉ × amount. The unit amount is that of a paid unit. */
export function pricePackage(properties: PackageProperties, { units, fullUnits }: Quantity): Pricing {
  const freeUnits = decimal(properties.free_units)
  const paidUnits = beyond(units, freeUnits)
  const steps = [freeStep(Exact.min(units, freeUnits), freeUnits), paidStep(properties, freeUnits, paidUnits)]
  return pricingOf(
    units,
    beyond(fullUnits, freeUnits),
    steps.filter((step) => !step.units.isZero()),
  )
}

export function parsePackageProperties(value: unknown, loc: Location): Parsed<PackageProperties> {
  const issues: Issue[] = []
  const fields = openFields(value, loc, issues, ['amount', 'package_size', 'free_units', GROUP_KEYS])
  const amount = requireDecimal(fields, 'amount')
  const size = requireDecimal(fields, 'package_size')
  checkWhole(fields, 'package_size', size)
  const freeUnits = optionalDecimal(fields, 'free_units')
  checkWhole(fields, 'free_units', freeUnits)
  const groupKeys = findGroupKeys(fields)
  if (issues.length === 0 && size.isZero()) refuse(fields, 'package_size', 'greater_than', 'must be at least 1')
  return parsed(issues, () => ({
    amount: canonical(amount),
    package_size: canonical(size),
    free_units: canonical(freeUnits),
    ...groupKeys,
  }))
}

function beyond(units: Exact, freeUnits: Exact): Exact {
  return Exact.max(units.minus(freeUnits), 0)
}

function freeStep(units: Exact, freeUnits: Exact): PricingStep {
  return pricingStep({ fromValue: ZERO, toValue: freeUnits, units, perUnitAmount: ZERO, flatAmount: ZERO })
}

function paidStep({ amount, package_size }: PackageProperties, freeUnits: Exact, units: Exact): PricingStep {
  const packages = packagesFor(units, decimal(package_size), decimal(amount))
  return pricingStep({ fromValue: freeUnits, toValue: null, units, perUnitAmount: ZERO, flatAmount: ZERO, packages })
}

// Counted by whole division and remainder: a rounded quotient could hide the fraction that opens a package.
function packagesFor(units: Exact, size: Exact, amountEach: Exact): Packages {
  const whole = units.divToInt(size)
  return { count: units.mod(size).isZero() ? whole : whole.plus(1), size, amountEach }
}
