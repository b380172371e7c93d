import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { parseExactJson } from '../../../shared/json/exact-json.ts'
import { decimal } from '../../../shared/money/decimal.ts'
import { roundHalfAwayFromZero } from '../../../shared/money/round.ts'
import type { PricedModel } from '../../../shared/pricing/charge-models.ts'
import { parseCharge, priceCharge } from '../../../shared/pricing/charge-models.ts'
import { chargeOf } from './charge-of.ts'

interface PricingCase {
  id: string
  model: PricedModel
  properties: unknown
  units: string
  full_units_number?: string
  expected_amount: string
  expected_unit_amount?: string
  expected_fee_cents?: number
}

const CONTRADICTED: Readonly<Record<string, string>> = {
  'lago-grad-026': 'its last tier is closed: usage above it would have no price, so the charge is refused',
}

const file = new URL('../../cases/lago-pricing.json', import.meta.url)
const cases = parseExactJson(readFileSync(file, 'utf8')) as PricingCase[]

test.each(cases.filter(({ id }) => !(id in CONTRADICTED)))('$id: $model prices $units units', (known) => {
  const fullUnits = decimal(known.full_units_number ?? known.units)
  const pricing = priceCharge(chargeOf(known.model, known.properties), decimal(known.units), fullUnits)
  const unitPlaces = decimal(known.expected_unit_amount ?? '0').decimalPlaces()
  expect({
    amount: pricing.amount.toFixed(),
    unitAmount: known.expected_unit_amount && pricing.unitAmount.toDecimalPlaces(unitPlaces).toFixed(),
    feeCents: known.expected_fee_cents && Number(roundHalfAwayFromZero(pricing.amount, 'EUR')),
  }).toEqual({
    amount: known.expected_amount,
    unitAmount: known.expected_unit_amount,
    feeCents: known.expected_fee_cents,
  })
})

test('lago-grad-026 is contradicted: a closed last tier is refused', () => {
  const known = cases.find(({ id }) => id === 'lago-grad-026')
  expect(parseCharge('graduated', known?.properties, [])).toMatchObject({
    issues: [{ loc: ['graduated_ranges', 1, 'to_value'], type: 'range_last_closed' }],
  })
})
