import { expect, test } from 'vitest'
import { ATTEMPTS_PER_WINDOW, AttemptLimit } from '../../../api/operators/attempt-limit.ts'
import { createSession, findSessionOperator, SESSION_SECONDS } from '../../../api/operators/session.ts'

const KEYS = { secret: 'one', nowSeconds: 1_000 }

test('a session names its operator until it ends', () => {
  const cookie = createSession('operator-id', KEYS)
  const at = (nowSeconds: number) => findSessionOperator(cookie, { ...KEYS, nowSeconds })
  expect(at(1_000)).toBe('operator-id')
  expect(at(1_000 + SESSION_SECONDS - 1)).toBe('operator-id')
  expect(at(1_000 + SESSION_SECONDS)).toBeUndefined()
})

test('a session of another secret, or with anything changed, names nobody', () => {
  const cookie = createSession('operator-id', KEYS)
  expect(findSessionOperator(cookie, { ...KEYS, secret: 'two' })).toBeUndefined()
  expect(findSessionOperator(cookie.replace('operator', 'imposter'), KEYS)).toBeUndefined()
  expect(findSessionOperator(cookie.replace('.44200.', '.99999.'), KEYS)).toBeUndefined()
  expect(findSessionOperator(undefined, KEYS)).toBeUndefined()
})

test('an address has its attempts again after a minute, and others have their own', () => {
  const limit = new AttemptLimit()
  for (let attempt = 0; attempt < ATTEMPTS_PER_WINDOW; attempt++) expect(limit.take('a', 0)).toBe(true)
  expect(limit.take('a', 59_999)).toBe(false)
  expect(limit.take('b', 59_999)).toBe(true)
  expect(limit.take('a', 60_000)).toBe(true)
})

test('signing in gives the attempts back', () => {
  const limit = new AttemptLimit()
  for (let attempt = 0; attempt < ATTEMPTS_PER_WINDOW; attempt++) limit.take('a', 0)
  limit.clear('a')
  expect(limit.take('a', 0)).toBe(true)
})
