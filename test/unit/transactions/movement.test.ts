import fc from 'fast-check'
import { expect, test } from 'vitest'
import { decimal } from '../../../shared/money/decimal.ts'
import { movementOf } from '../../../shared/transactions/movement.ts'
import { isMovingType, transactionType } from '../../../shared/transactions/transaction-type.ts'

test.each([
  ['topup', 'topup'],
  ['top_up', 'topup'],
  ['top-up', 'topup'],
  ['Top Up', 'topup'],
  ['TOPUP', 'topup'],
  ['  PayOut\t', 'payout'],
  ['ad-just-ment', 'adjustment'],
  ['Charge Back', 'Charge Back'],
  ['constructor', 'constructor'],
  ['__proto__', '__proto__'],
])('the type %j is %j', (written, type) => {
  expect(transactionType(written)).toBe(type)
})

const party = fc.option(fc.integer({ min: 1, max: 9 }))
const cents = fc.integer({ min: 1, max: 1_000_000 }).map((value) => decimal(BigInt(value)).div(100))

test('money always goes from one account to another, and a memo entry moves none', () => {
  const type = fc.constantFrom('topup', 'purchase', 'usage', 'refund', 'payout', 'adjustment', 'memo')
  fc.assert(
    fc.property(type, cents, party, party, (kind, amount, customerId, agentId) => {
      const movement = movementOf({ type: kind, amount, customerId, agentId })
      expect(movement === undefined).toBe(!isMovingType(kind))
      expect(movement?.debit).not.toEqual(movement?.credit ?? null)
      expect(movement?.amount.toFixed()).toBe(isMovingType(kind) ? amount.toFixed() : undefined)
    }),
  )
})

test('a refund takes back a purchase of the same parties, and a negative adjustment a positive one', () => {
  fc.assert(
    fc.property(cents, party, party, (amount, customerId, agentId) => {
      const parties = { customerId, agentId }
      const reversed = (movement: ReturnType<typeof movementOf>) =>
        movement && { ...movement, debit: movement.credit, credit: movement.debit }
      const purchase = movementOf({ type: 'purchase', amount, ...parties })
      expect(movementOf({ type: 'refund', amount, ...parties })).toEqual(reversed(purchase))
      const adjustment = movementOf({ type: 'adjustment', amount, ...parties })
      expect(movementOf({ type: 'adjustment', amount: amount.negated(), ...parties })).toEqual(reversed(adjustment))
    }),
  )
})

test('what is below zero without being an adjustment is a bug', () => {
  const parties = { customerId: null, agentId: null }
  expect(() => movementOf({ type: 'usage', amount: decimal('-1'), ...parties })).toThrow('is below zero')
  expect(movementOf({ type: 'memo', amount: decimal('-1'), ...parties })).toBeUndefined()
  expect(movementOf({ type: 'usage', amount: decimal('0'), ...parties })).toBeUndefined()
})
