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
  filters: [],
  metric: { aggregation: 'count' as const, recurring: false, dimensionKeys: ['region'] },
  properties: { amount: '1', pricing_group_keys: ['region'] },
  modifiers: {},
}

const unchanged = { properties: undefined, modifiers: {}, displayName: null }

function define(request: Partial<PriceOverridesRequest>) {
  return definePriceOverrides({ amountMinor: null, charges: [], ...request }, [FEE, CHARGE])
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
  const nothing = { amountMinor: null, properties: null, modifiers: null, displayName: null }
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
])('%s is refused where it stands', (_what, charges, issues) => {
  expect(refusal(...charges)).toEqual(issues)
})

test('a component with an override keeps what that leaves out', () => {
  const charge = chargeOf('standard', { amount: '1' })
  const inherits = { id: 'filter', displayName: 'EU tokens', conditions: [], charge }
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
