import { expect, test } from 'vitest'
import { requireScope } from '../../../api/key-scopes.ts'
import type { KeyScope } from '../../../db/schema.ts'

function isAllowed(scope: KeyScope, method: string, path: string | undefined, customer: string | null = null): boolean {
  try {
    requireScope({ scopes: [scope], externalCustomerId: customer }, method, path)
    return true
  } catch {
    return false
  }
}

test.each<[KeyScope, string, string]>([
  ['read', 'GET', '/v1/plans/:code'],
  ['read', 'HEAD', '/v1/plans/'],
  ['read', 'POST', '/v1/plans/:code/simulate'],
  ['write', 'POST', '/v1/plans/'],
  ['write', 'DELETE', '/v1/plans/:code'],
  ['write', 'POST', '/v1/events/batch'],
  ['events:write', 'POST', '/v1/events'],
  ['events:write', 'POST', '/v1/events/'],
  ['*', 'POST', '/v1/api_keys'],
])('%s allows %s %s', (scope, method, path) => {
  expect(isAllowed(scope, method, path)).toBe(true)
})

test.each<[KeyScope, string, string]>([
  ['read', 'POST', '/v1/events'],
  ['write', 'GET', '/v1/plans/'],
  ['events:write', 'GET', '/v1/events'],
  ['events:write', 'POST', '/v1/customers'],
  ['write', 'POST', '/v1/api_keys'],
  ['read', 'GET', '/v1/api_keys'],
  ['read', 'HEAD', '/v1/api_keys/'],
])('%s refuses %s %s', (scope, method, path) => {
  expect(isAllowed(scope, method, path)).toBe(false)
})

test('a key of one customer is for the routes that heed its customer', () => {
  expect(isAllowed('*', 'POST', '/v1/billing/transactions', 'acme')).toBe(true)
  expect(isAllowed('read', 'GET', '/v1/usage', 'acme')).toBe(true)
  expect(isAllowed('read', 'POST', '/v1/billing/transactions', 'acme')).toBe(false)
  expect(isAllowed('*', 'GET', '/v1/billing/transactions', 'acme')).toBe(false)
  expect(isAllowed('*', 'GET', '/v1/api_keys', 'acme')).toBe(false)
})

test('a path that no route is for is left to the answer that there is nothing', () => {
  expect(isAllowed('events:write', 'GET', undefined)).toBe(true)
})
