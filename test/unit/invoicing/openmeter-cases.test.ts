import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { billingPeriodAt } from '../../../shared/calendar/billing-period.ts'
import { assert } from '../../../shared/errors.ts'
import type { ComponentUsage, UsageComponent } from '../../../shared/invoicing/components.ts'
import { WHOLE } from '../../../shared/invoicing/portions.ts'
import { rateSubscription } from '../../../shared/invoicing/rate-subscription.ts'
import type { RatedLine } from '../../../shared/invoicing/rated-line.ts'
import { parseExactJson } from '../../../shared/json/exact-json.ts'
import { decimal, Exact, ZERO } from '../../../shared/money/decimal.ts'
import { roundHalfAwayFromZero } from '../../../shared/money/round.ts'
import type { Charge } from '../../../shared/pricing/charge-models.ts'
import { priceCharge } from '../../../shared/pricing/charge-models.ts'
import type { ChargeModifiers } from '../../../shared/pricing/modifiers.ts'
import type { PricingStep } from '../../../shared/pricing/pricing.ts'
import type { CommittedAmount } from '../../../shared/pricing/windowed-commitment.ts'
import { applyCommitment } from '../../../shared/pricing/windowed-commitment.ts'
import { chargeOf } from '../pricing/charge-of.ts'

interface Price {
  type: 'flat' | 'unit' | 'package' | 'dynamic' | 'volume' | 'graduated'
  amount?: string
  payment_term?: 'in_advance' | 'in_arrears'
  unit_amount?: string
  multiplier?: string
  package_size?: string
  package_amount?: string
  round?: 'up' | 'down'
  tiers?: { up_to: string | null; flat_amount: string | null; unit_amount: string | null }[]
}

interface RatingCase {
  id: string
  price: Price
  currency: string
  units: string
  previous_units?: string
  previously_billed_amount?: string
  position: 'single' | 'first' | 'mid' | 'last'
  minimum_spend?: string
  maximum_spend?: string
  discounts?: { type: 'usage' | 'percentage' | 'amount'; quantity?: string; percentage?: string }[]
  unit_config?: { operation: 'multiply' | 'divide'; factor: string; rounding: string }
  options?: string[]
  mode: 'line' | 'delta' | 'bucketed' | 'windowed_commitment'
  buckets?: string[]
  windows?: Window[]
  expected_lines?: { name: string; quantity: string; amount: string; total: string }[]
  expected_total?: string
  expected_utilized?: string
  expected_overage?: string
  expected_true_up?: string
}

interface Window {
  quantity: string
  price: Price
  commitment_type: 'amount' | 'quantity' | null
  commitment_value: string | null
  overage_factor: string | null
  true_up: boolean
}

const CONTRADICTED: Readonly<Record<string, string>> = {
  'om-vol-01':
    'a slice in the middle of a period bills what the price comes to so far, of volume as of any other model',
  'om-ucfg-02': 'two slices round up a unit each there; here their sum is rounded, so that cutting costs nothing',
  'om-cap-06': 'earlier slices had billed twice the cap; here the excess is owed back',
}

const NOT_OF_A_CHARGE: Readonly<Record<string, string>> = {
  'om-cred-01': 'prepaid credits are applied to the invoice',
  'om-cred-02': 'as above',
  'om-cred-03': 'as above',
  'om-cred-04': 'as above',
  'om-opt-04': 'as above',
  'fx-coupon-amt-01': 'coupons over an amount are applied to the invoice',
  'fx-coupon-amt-02': 'as above',
  'fx-coupon-amt-03': 'as above',
  'fx-coupon-amt-05': 'as above',
}

const file = new URL('../../cases/openmeter-rating.json', import.meta.url)
const cases = parseExactJson(readFileSync(file, 'utf8')) as RatingCase[]
const held = cases.filter(({ id }) => !(id in CONTRADICTED || id in NOT_OF_A_CHARGE))

const period = billingPeriodAt({
  startedAt: Temporal.Instant.from('2024-01-01T00:00:00Z'),
  interval: 'monthly',
  billingTime: 'calendar',
  timeZone: 'UTC',
  at: Temporal.Instant.from('2024-02-01T00:00:00Z'),
})

test.each(held.filter(({ mode }) => mode !== 'windowed_commitment'))('$id: $price.type of $units units', (known) => {
  expect(sliceMinor(known)).toBe(minor(known.expected_total ?? '0', known))
})

describe('the lines of a whole period', () => {
  const whole = held.filter(({ mode, position, price, previous_units }) => {
    const isFirst = previous_units === undefined || previous_units === '0'
    return mode === 'line' && position === 'single' && price.type !== 'flat' && price.round !== 'down' && isFirst
  })
  test.each(whole)('$id', (known) => {
    const lines = linesOf(known, units(known))
    const ours = lines.flatMap((line, index) =>
      index > 0 ? [`minimum_spend 1 ${line.amount.toFixed()}`] : named(known, line),
    )
    const theirs = (known.expected_lines ?? [])
      .filter(({ amount }) => !decimal(amount).isZero())
      .map(({ name, quantity, amount }) => `${name} ${quantity} ${amount}`)
    expect(ours.toSorted()).toEqual(theirs.toSorted())
  })
})

test.each(cases.filter(({ mode }) => mode === 'windowed_commitment'))('$id: commitments per window', (known) => {
  const windows = (known.windows ?? []).map(committed)
  const sum = (of: keyof CommittedAmount): string =>
    windows.reduce((total, window) => total.plus(window[of]), ZERO).toFixed()
  expect(windows.map(({ utilized, overage, trueUp }) => utilized.plus(overage).plus(trueUp).toFixed())).toEqual(
    known.expected_lines?.map(({ amount }) => amount),
  )
  if (known.expected_utilized !== undefined) expect(sum('utilized')).toBe(known.expected_utilized)
  if (known.expected_overage !== undefined) expect(sum('overage')).toBe(known.expected_overage)
  if (known.expected_true_up !== undefined) expect(sum('trueUp')).toBe(known.expected_true_up)
})

describe('contradicted on purpose', () => {
  test.each([
    ['om-vol-01', '150'],
    ['om-ucfg-02', '10'],
    ['om-cap-06', '-10000'],
  ])('%s comes to %s here', (id, total) => {
    const known = cases.find((one) => one.id === id)
    assert(known !== undefined, `there is no case ${id}`)
    expect(sliceMinor(known)).toBe(minor(total, known))
  })
  test('every case that is set aside is there', () => {
    const ids = new Set(cases.map(({ id }) => id))
    expect([...Object.keys(CONTRADICTED), ...Object.keys(NOT_OF_A_CHARGE)].filter((id) => !ids.has(id))).toEqual([])
  })
})

/** What a slice bills: the price of all usage so far minus what was billed before. */
function sliceMinor(known: RatingCase): bigint {
  const lines = linesOf(known, previousUnits(known).plus(units(known)))
  return lines.reduce((sum, line) => sum + line.amountMinor, 0n) - billedMinor(known)
}

function billedMinor(known: RatingCase): bigint {
  const billed = decimal(known.previously_billed_amount ?? '0')
  if (!billed.isZero()) return minor(billed.toFixed(), known)
  const previous = previousUnits(known)
  if (previous.isZero()) return 0n
  return linesOf({ ...known, position: 'mid' }, previous).reduce((sum, line) => sum + line.amountMinor, 0n)
}

// Some cases say what was billed before, and not for how many units: those that it paid for.
function previousUnits(known: RatingCase): Exact {
  const previous = decimal(known.previous_units ?? '0')
  const billed = decimal(known.previously_billed_amount ?? '0')
  return previous.isZero() && known.price.unit_amount ? billed.div(known.price.unit_amount) : previous
}

function units(known: RatingCase): Exact {
  return decimal(known.units)
}

function linesOf(known: RatingCase, counted: Exact): RatedLine[] {
  const { price, currency, position, options = [] } = known
  const isOver = position === 'single' || position === 'last'
  if (price.type === 'flat' && known.discounts === undefined) {
    const timing = price.payment_term === 'in_advance' ? 'advance' : 'arrears'
    const fee = { id: 'fee', displayName: 'Fee', amountMinor: minor(price.amount ?? '0', known) }
    return rateSubscription({
      currency,
      period: isOver ? period : undefined,
      advancePeriod: position === 'single' || position === 'first' ? period : undefined,
      components: [{ kind: 'rate', timing, ...fee }],
      usage: new Map(),
    })
  }
  const component: UsageComponent = {
    kind: 'usage',
    id: 'usage',
    displayName: 'Usage',
    metric: { code: 'usage', name: 'Usage' },
    charge: chargeFor(price),
    modifiers: modifiersFor(known),
  }
  const windows = known.buckets?.map((bucket) => ({ units: decimal(bucket) }))
  const usage: ComponentUsage = {
    ...WHOLE,
    units: counted,
    eventsCount: 0n,
    ...(windows === undefined ? {} : { windows }),
  }
  return rateSubscription({
    currency,
    period,
    components: [component],
    usage: new Map([['usage', [usage]]]),
    isRunning: !isOver || options.includes('ignore_minimum'),
  })
}

function chargeFor(price: Price): Charge {
  const amount = price.unit_amount ?? price.multiplier ?? price.amount ?? price.package_amount ?? '0'
  if (price.type === 'package' && price.round !== 'down') {
    return chargeOf('package', { amount, package_size: price.package_size })
  }
  if (price.tiers === undefined) return chargeOf('standard', { amount })
  const ranges = price.tiers.map((tier, index) => ({
    from_value: price.tiers?.[index - 1]?.up_to ?? 0,
    to_value: tier.up_to,
    per_unit_amount: tier.unit_amount ?? '0',
    flat_amount: tier.flat_amount ?? '0',
  }))
  return price.type === 'volume'
    ? chargeOf('volume', { volume_ranges: ranges })
    : chargeOf('graduated', { graduated_ranges: ranges })
}

function modifiersFor(known: RatingCase): ChargeModifiers {
  const { price, discounts = [], buckets, minimum_spend: minimum, maximum_spend: maximum } = known
  const freeUnits = discounts.find(({ type }) => type === 'usage')?.quantity
  const percentage = discounts.find(({ type }) => type === 'percentage')?.percentage
  const conversion =
    price.round === 'down'
      ? { operation: 'divide' as const, factor: price.package_size ?? '1', rounding: 'floor' }
      : known.unit_config
  const mode = { ceiling: 'ceil', floor: 'floor', half_up: 'round' }[conversion?.rounding ?? ''] as 'ceil' | undefined
  return {
    ...(freeUnits === undefined ? {} : { freeUnits: decimal(freeUnits) }),
    ...(percentage === undefined ? {} : { percentageDiscount: decimal(percentage) }),
    ...(minimum === undefined ? {} : { minAmountMinor: minor(minimum, known) }),
    ...(maximum === undefined ? {} : { maxAmountMinor: minor(maximum, known) }),
    ...(buckets === undefined ? {} : { windows: { size: 'hour' } }),
    ...(conversion === undefined
      ? {}
      : {
          unitConversion: {
            operation: conversion.operation,
            factor: decimal(conversion.factor),
            rounding: mode === undefined ? null : { mode, precision: 0 },
          },
        }),
  }
}

function committed({ quantity, price, ...terms }: Window): CommittedAmount {
  const priceOf = (counted: Exact): Exact => priceCharge(chargeFor(price), { units: counted }, 'USD').amount
  const amount = priceOf(decimal(quantity))
  if (terms.commitment_type === null) return { utilized: amount, overage: ZERO, trueUp: ZERO }
  const value = decimal(terms.commitment_value ?? '0')
  return applyCommitment(
    amount,
    {
      committed: terms.commitment_type === 'amount' ? { amount: value } : { units: value },
      overageFactor: decimal(terms.overage_factor ?? '1'),
      trueUp: terms.true_up,
    },
    priceOf,
  )
}

/** The steps of a line as the cases name them; what costs nothing is left out. */
function named({ price, currency }: RatingCase, { steps }: RatedLine): string[] {
  const ends = price.tiers?.map((tier) => tier.up_to) ?? []
  return steps.flatMap((step) => {
    const tier = `tier${ends.indexOf(step.toValue?.toFixed() ?? null) + 1}`
    const quantity = price.type === 'dynamic' ? new Exact(1) : (step.packages?.count ?? step.units)
    const ofUnits = step.amount.minus(step.flatAmount)
    return [
      { name: price.tiers === undefined ? 'usage' : `${tier}.usage`, quantity, amount: ofUnits },
      { name: `${tier}.flat`, quantity: new Exact(1), amount: step.flatAmount },
    ]
      .filter(({ amount }) => !amount.isZero())
      .map((part) => `${part.name} ${part.quantity.toFixed()} ${rounded(part.amount, currency)}`)
  })
}

function rounded(amount: PricingStep['amount'], currency: string): string {
  return decimal(roundHalfAwayFromZero(amount, currency)).div(100).toFixed()
}

function minor(amount: string, { currency }: RatingCase): bigint {
  return roundHalfAwayFromZero(decimal(amount), currency)
}
