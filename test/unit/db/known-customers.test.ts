import { expect, test } from 'vitest'
import { KnownCustomers } from '../../../db/usage/known-customers.ts'

const registered = (customerId: number) => ({ customerId, registered: true })

test('registered customers are remembered, each for its organization', () => {
  const known = new KnownCustomers()
  known.add(1, new Map([['acme', registered(7)]]))
  known.add(2, new Map([['acme', registered(8)]]))
  expect([1, 2, 3].map((organizationId) => known.of(organizationId).get('acme')?.customerId)).toEqual([7, 8, undefined])
})

test('one that is not registered yet is looked up again', () => {
  const known = new KnownCustomers()
  known.add(1, new Map([['acme', { customerId: 7, registered: false }]]))
  expect(known.of(1).has('acme')).toBe(false)
  known.add(1, new Map([['acme', registered(7)]]))
  expect(known.of(1).get('acme')).toEqual(registered(7))
})

test('with too many it begins anew, and keeps those that come last', () => {
  const known = new KnownCustomers()
  known.add(1, new Map(Array.from({ length: 100_001 }, (_, index) => [`old-${index}`, registered(index)])))
  known.add(2, new Map([['acme', registered(7)]]))
  expect([known.of(1).size, known.of(2).size]).toEqual([0, 1])
})
