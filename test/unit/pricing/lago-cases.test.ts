import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { parseExactJson } from '../../../shared/json/exact-json.ts'
import { decimal, Exact } from '../../../shared/money/decimal.ts'
import { roundHalfAwayFromZero } from '../../../shared/money/round.ts'
import type { ChargeModel } from '../../../shared/pricing/charge-models.ts'
import { parseCharge, priceCharge } from '../../../shared/pricing/charge-models.ts'
import type { MeteredEvent, MeteredUsage } from '../../../shared/pricing/metered-usage.ts'
import type { Pricing } from '../../../shared/pricing/pricing.ts'
import { proratedUsage } from '../../../shared/pricing/unit-stack.ts'
import { chargeOf } from './charge-of.ts'

interface PricingCase {
  id: string
  model: ChargeModel | 'prorated_graduated'
  properties: unknown
  units: string
  full_units_number?: string
  events_count?: number | null
  event_values?: string[] | null
  prorated_event_values?: string[]
  precise_total_amount_cents?: string | null
  expected_amount: string
  expected_unit_amount?: string | null
  expected_fee_cents?: number
  amount_rounded_to?: number
  ceil?: boolean
}

const CONTRADICTED: Readonly<Record<string, string>> = {
  'lago-grad-026': 'its last tier is closed: usage above it would have no price, so the charge is refused',
  'lago-gpct-017': 'its last tier is closed, as above',
  'lago-dyn-002': 'units that come to zero would lose the amounts that were sent with the events',
  'lago-pct-065': 'an estimate that differs from the bill: without units no fixed amount is due',
  'lago-cus-003': 'a program that keeps state over events; ours is an expression or an amount, and here is neither',
  'lago-cus-004': 'as above',
  'lago-cus-005': 'as above',
  'lago-cus-006': 'as above',
}

const file = new URL('../../cases/lago-pricing.json', import.meta.url)
const cases = parseExactJson(readFileSync(file, 'utf8')) as PricingCase[]

test.each(cases.filter(({ id }) => !(id in CONTRADICTED)))('$id: $model prices $units units', (known) => {
  const pricing = priceCase(known)
  const { expected_unit_amount: unitAmount, expected_fee_cents: feeCents } = known
  expect({
    amount: roundedAs(known, pricing.amount),
    unitAmount: unitAmount && pricing.unitAmount.toDecimalPlaces(decimal(unitAmount).decimalPlaces()).toFixed(),
    feeCents: feeCents && Number(roundHalfAwayFromZero(pricing.amount, 'EUR')),
  }).toEqual({
    amount: decimal(known.expected_amount).toFixed(),
    unitAmount: unitAmount && decimal(unitAmount).toFixed(),
    feeCents,
  })
})

test('nothing else is contradicted, and what is contradicted is there', () => {
  const ids = cases.map(({ id }) => id)
  expect(Object.keys(CONTRADICTED).filter((id) => !ids.includes(id))).toEqual([])
  expect(new Set(ids).size).toBe(ids.length)
})

describe('contradicted on purpose', () => {
  const requireCase = (id: string): PricingCase => {
    const known = cases.find((one) => one.id === id)
    if (known === undefined) throw new Error(`there is no case ${id}`)
    return known
  }
  test.each<[string, ChargeModel, object]>([
    ['lago-grad-026', 'graduated', { loc: ['graduated_ranges', 1, 'to_value'], type: 'range_last_closed' }],
    [
      'lago-gpct-017',
      'graduated_percentage',
      { loc: ['graduated_percentage_ranges', 1, 'to_value'], type: 'range_last_closed' },
    ],
    ['lago-cus-003', 'custom', { loc: ['expression'], type: 'missing' }],
    ['lago-cus-004', 'custom', { loc: ['expression'], type: 'missing' }],
    ['lago-cus-005', 'custom', { loc: ['expression'], type: 'missing' }],
    ['lago-cus-006', 'custom', { loc: ['expression'], type: 'missing' }],
  ])('%s is refused', (id, model, issue) => {
    expect(parseCharge(model, requireCase(id).properties, [])).toMatchObject({ issues: [issue] })
  })
  test('lago-dyn-002: amounts of events are billed though their units come to zero', () => {
    expect(priceCase(requireCase('lago-dyn-002')).amount.toFixed()).toBe('0.402')
  })
  test('lago-pct-065: nothing is due for no units', () => {
    expect(priceCase(requireCase('lago-pct-065')).amount.toFixed()).toBe('0')
  })
})

function priceCase(known: PricingCase): Pricing {
  const model = known.model === 'prorated_graduated' ? 'graduated' : known.model
  return priceCharge(chargeOf(model, known.properties), usageOf(known), 'EUR')
}

function usageOf(known: PricingCase): MeteredUsage {
  if (known.model === 'prorated_graduated') return stackUsage(known)
  const units = decimal(known.units)
  const amountMinor = known.precise_total_amount_cents
  const events = known.event_values?.map((value): MeteredEvent => ({ value: decimal(value) }))
  return {
    units,
    fullUnits: decimal(known.full_units_number ?? known.units),
    eventsCount: BigInt(known.events_count ?? 0),
    ...(amountMinor ? { events: [{ value: units, amountMinor: decimal(amountMinor) }] } : events ? { events } : {}),
  }
}

// The cases say what each event weighs in all; as if the period were one day long.
function stackUsage({ event_values, prorated_event_values }: PricingCase): MeteredUsage {
  const lots = (event_values ?? []).map((value, index) => {
    const units = decimal(value)
    return { units, heldDays: decimal(prorated_event_values?.[index] ?? '0').div(units) }
  })
  return proratedUsage({ lots, periodDays: decimal('1') }, BigInt(lots.length))
}

function roundedAs({ amount_rounded_to: places, ceil }: PricingCase, amount: Exact): string {
  if (places === undefined) return amount.toFixed()
  return amount.toDecimalPlaces(places, ceil ? Exact.ROUND_CEIL : Exact.ROUND_HALF_UP).toFixed()
}
