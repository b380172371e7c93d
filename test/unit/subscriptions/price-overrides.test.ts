import { expect, test } from 'vitest'
import { AppError } from '../../../shared/errors.ts'
import type { UsageComponent } from '../../../shared/invoicing/components.ts'
import { overriddenComponent } from '../../../shared/invoicing/overridden-component.ts'
import {
  type ChargeOverrideRequest,
  definePriceOverrides,
  type PriceOverridesRequest,
} from '../../../shared/subscriptions/price-overrides.ts'
import { chargeOf } from '../pricing/charge-of.ts'

const FEE = { id: 'fee', kind: 'rate', chargeModel: null, filters: [], metric: null, properties: {}, modifiers: {} }
const CHARGE = {
  id: 'charge',
  kind: 'usage',
  chargeModel: 'standard' as const,
  filters: [{ id: 'filter' }],
  metric: { aggregation: 'count' as const, recurring: false, dimensionKeys: ['region'] },
  properties: { amount: '1', pricing_group_keys: ['region'] },
  modifiers: {},
}

const unchanged = { properties: undefined, modifiers: {}, displayName: null, filters: [] }

const filter = { id: 'filter', properties: undefined, displayName: null }

function define(request: Partial<PriceOverridesRequest>) {
  return definePriceOverrides(
    { amountMinor: null, charges: [], ...request },
    { interval: 'monthly', components: [FEE, CHARGE] },
  )
}

function refusal(...charges: Partial<ChargeOverrideRequest>[]): string[] {
  try {
    define({ charges: charges.map((charge) => ({ id: 'charge', ...unchanged, ...charge })) })
  } catch (error) {
    if (error instanceof AppError) return (error.issues ?? []).map(({ loc, type }) => `${loc.join('.')} ${type}`)
  }
  return []
}

test('each part of a price can be replaced by itself', () => {
  const nothing = { amountMinor: null, properties: null, modifiers: null, displayName: null, filters: null }
  expect(define({})).toEqual([])
  expect(define({ amountMinor: 0n })).toEqual([{ ...nothing, priceComponentId: 'fee', amountMinor: 0n }])
  const charges = [{ id: 'CHARGE', ...unchanged, properties: { amount: '0.10' } }]
  expect(define({ charges })).toEqual([{ ...nothing, priceComponentId: 'charge', properties: { amount: '0.10' } }])
})

test.each<[string, Partial<ChargeOverrideRequest>[], string[]]>([
  ['a charge of another plan', [{ id: 'other' }], ['body.price_overrides.charges.0.id unknown']],
  ['the fixed fee as a charge', [{ id: 'fee' }], ['body.price_overrides.charges.0.id unknown']],
  ['a charge twice', [{}, {}], ['body.price_overrides.charges.1.id duplicate']],
  [
    'prices of another model',
    [{ properties: { package_size: 10 } }],
    [
      'body.price_overrides.charges.0.properties.package_size extra_forbidden',
      'body.price_overrides.charges.0.properties.amount missing',
    ],
  ],
  [
    'properties by which usage is not kept apart',
    [{ properties: { amount: '1', pricing_group_keys: ['region', 'user'] } }],
    ['body.price_overrides.charges.0.properties.pricing_group_keys unknown'],
  ],
  [
    'modifiers that cannot be',
    [{ modifiers: { percentage_discount: '101' } }],
    ['body.price_overrides.charges.0.percentage_discount less_than_equal'],
  ],
  [
    'modifiers that the metric cannot have',
    [{ modifiers: { prorated: true } }],
    ['body.price_overrides.charges.0.prorated metric_unsupported'],
  ],
  [
    'a filter of another charge',
    [{ filters: [{ ...filter, id: 'other' }] }],
    ['body.price_overrides.charges.0.filters.0.id unknown'],
  ],
  ['a filter twice', [{ filters: [filter, filter] }], ['body.price_overrides.charges.0.filters.1.id duplicate']],
  [
    'prices of a filter in another model',
    [{ filters: [{ ...filter, properties: { package_size: 10 } }] }],
    [
      'body.price_overrides.charges.0.filters.0.properties.package_size extra_forbidden',
      'body.price_overrides.charges.0.filters.0.properties.amount missing',
    ],
  ],
  [
    'properties of a filter by which usage is not kept apart',
    [{ filters: [{ ...filter, properties: { amount: '1', pricing_group_keys: ['user'] } }] }],
    ['body.price_overrides.charges.0.filters.0.properties.pricing_group_keys unknown'],
  ],
])('%s is refused where it stands', (_what, charges, issues) => {
  expect(refusal(...charges)).toEqual(issues)
})

test('prices of a filter that depend on single events are refused where the charge cannot have them', () => {
  const component = {
    ...CHARGE,
    chargeModel: 'percentage' as const,
    properties: { rate: '1' },
    modifiers: { free_units: '5' },
  }
  const filters = [{ ...filter, properties: { rate: '1', per_transaction_min_amount: '0.1' } }]
  const charges = [{ id: 'charge', ...unchanged, filters }]
  const refused = () =>
    definePriceOverrides({ amountMinor: null, charges }, { interval: 'monthly', components: [FEE, component] })
  const msg = 'free_units does not go with a price that depends on single events'
  const loc = ['body', 'price_overrides', 'charges', 0, 'filters', 0, 'properties']
  expect(refused).toThrow(expect.objectContaining({ issues: [{ loc, msg, type: 'not_combinable' }] }))
})

test('a component with an override keeps what that leaves out', () => {
  const charge = chargeOf('standard', { amount: '1' })
  const inherits = { id: 'filter', displayName: 'EU tokens', conditionText: 'region: eu', conditions: [], charge }
  const component: UsageComponent = {
    kind: 'usage',
    id: 'charge',
    displayName: 'Tokens',
    metric: { code: 'tokens', name: 'Tokens' },
    charge,
    modifiers: { prorated: true },
    filters: [inherits, { ...inherits, id: 'own', charge: chargeOf('standard', { amount: '5' }) }],
  }
  const override = {
    priceComponentId: 'charge',
    amountMinor: null,
    properties: null,
    modifiers: null,
    displayName: null,
    filters: null,
  }
  expect(overriddenComponent(component, override)).toEqual(component)
  const changed = { ...override, properties: { amount: '2' }, modifiers: {}, displayName: 'Cheap tokens' }
  expect(overriddenComponent(component, changed)).toEqual({
    ...component,
    displayName: 'Cheap tokens',
    charge: chargeOf('standard', { amount: '2' }),
    filters: [{ ...inherits, charge: chargeOf('standard', { amount: '2' }) }, component.filters?.[1]],
    modifiers: {},
  })
  const fee = { kind: 'rate', id: 'fee', displayName: 'Pro', amountMinor: 100n, timing: 'arrears' } as const
  expect(overriddenComponent(fee, { ...override, amountMinor: 7n })).toEqual({ ...fee, amountMinor: 7n })
})

test('a filter is overridden by itself, and without properties of its own follows its charge', () => {
  const charge = chargeOf('standard', { amount: '1' })
  const planned = { displayName: null, conditionText: 'region: eu', conditions: [] }
  const own = { ...planned, id: 'own', charge: chargeOf('standard', { amount: '5' }) }
  const component: UsageComponent = {
    kind: 'usage',
    id: 'charge',
    displayName: 'Tokens',
    metric: { code: 'tokens', name: 'Tokens' },
    charge,
    filters: [own, { ...own, id: 'emptied' }, { ...planned, id: 'follows', charge }, { ...own, id: 'untouched' }],
  }
  const filters = [
    { id: 'own', properties: { amount: '7' }, displayName: 'Mine' },
    { id: 'emptied', properties: {}, displayName: null },
    { id: 'follows', properties: { amount: '8' }, displayName: null },
  ]
  const properties = { amount: '2' }
  const override = { priceComponentId: 'charge', amountMinor: null, modifiers: null, displayName: null }
  expect(overriddenComponent(component, { ...override, properties, filters })).toMatchObject({
    filters: [
      { id: 'own', displayName: 'Mine', charge: chargeOf('standard', { amount: '7' }) },
      { id: 'emptied', displayName: null, charge: chargeOf('standard', { amount: '2' }) },
      { id: 'follows', displayName: null, charge: chargeOf('standard', { amount: '8' }) },
      { ...own, id: 'untouched' },
    ],
  })
})
