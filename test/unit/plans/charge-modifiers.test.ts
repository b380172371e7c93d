import { describe, expect, test } from 'vitest'
import { decimal } from '../../../shared/money/decimal.ts'
import { parseModifiers } from '../../../shared/plans/charge-modifiers.ts'

const LOC = ['body', 'charges', 0]

function faults(modifiers: Record<string, unknown>): string[] {
  const result = parseModifiers(modifiers, LOC)
  return 'issues' in result ? result.issues.map(({ loc, type }) => `${loc.slice(3).join('.')} ${type}`) : []
}

describe('what is done to a charge around its model', () => {
  test('decimals are read exactly, whatever way they were written', () => {
    const written = {
      min_amount_cents: 100,
      max_amount_cents: '9007199254740993',
      free_units: '0.1',
      percentage_discount: 12.5,
      unit_conversion: { operation: 'divide', factor: '1000', rounding_mode: 'ceil', precision: 2 },
      pricing_unit: { code: 'credits', conversion_rate: '0.01' },
      prorated: true,
    }
    expect(parseModifiers(written, LOC)).toEqual({
      properties: {
        minAmountMinor: 100n,
        maxAmountMinor: 9007199254740993n,
        freeUnits: decimal('0.1'),
        percentageDiscount: decimal('12.5'),
        unitConversion: { operation: 'divide', factor: decimal('1000'), rounding: { mode: 'ceil', precision: 2 } },
        pricingUnit: { code: 'credits', conversionRate: decimal('0.01') },
        prorated: true,
      },
    })
  })

  test('nothing is nothing, and a conversion need not round', () => {
    expect(parseModifiers({}, LOC)).toEqual({ properties: {} })
    const conversion = { unit_conversion: { operation: 'multiply', factor: '8', rounding_mode: null } }
    expect(parseModifiers(conversion, LOC)).toEqual({
      properties: { unitConversion: { operation: 'multiply', factor: decimal('8'), rounding: null } },
    })
  })

  test.each([
    [{ min_amount_cents: 2, max_amount_cents: 1 }, 'max_amount_cents greater_than_equal'],
    [{ min_amount_cents: '1.5' }, 'min_amount_cents int_from_float'],
    [{ max_amount_cents: -1 }, 'max_amount_cents greater_than_equal'],
    [{ free_units: 'many' }, 'free_units decimal_parsing'],
    [{ free_units: '-1' }, 'free_units greater_than_equal'],
    [{ percentage_discount: '100.1' }, 'percentage_discount less_than_equal'],
    [{ unit_conversion: { operation: 'divide', factor: 0 } }, 'unit_conversion.factor greater_than'],
    [{ unit_conversion: { operation: 'divide' } }, 'unit_conversion.factor missing'],
    [{ pricing_unit: { code: 'c', conversion_rate: 'NaN' } }, 'pricing_unit.conversion_rate finite_number'],
    [{ surprise: 1 }, 'surprise extra_forbidden'],
  ])('%j is refused', (modifiers, fault) => {
    expect(faults(modifiers)).toEqual([fault])
  })
})
