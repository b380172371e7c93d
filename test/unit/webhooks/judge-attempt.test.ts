import { expect, test } from 'vitest'
import { judgeAttempt, RETRY_DELAYS_SECONDS } from '../../../shared/webhooks/judge-attempt.ts'

const now = Temporal.Instant.from('2026-01-01T00:00:00Z')
const judge = (responseStatus: number | null, failures = 0, chance = 0) =>
  judgeAttempt({ responseStatus, error: null }, { failures, now, chance })

test.each([200, 201, 204, 299])('%i is a delivery', (status) => {
  expect(judge(status)).toEqual({ delivery: 'delivered', endpoint: 'healthy' })
})

test.each([null, 100, 301, 302, 400, 404, 429, 500, 503])('%s is tried again in five seconds', (status) => {
  const nextAttemptAt = now.add({ seconds: 5 })
  expect(judge(status)).toEqual({ delivery: 'pending', endpoint: 'failing', nextAttemptAt })
})

test('410 ends the delivery and its endpoint, however early', () => {
  expect(judge(410)).toEqual({ delivery: 'failed', endpoint: 'gone' })
})

test('the pauses are those of the schedule, up to a fifth longer, and after the last there is none', () => {
  const pauses = (chance: number) =>
    RETRY_DELAYS_SECONDS.map((_, failures) => {
      const verdict = judge(500, failures, chance)
      return verdict.delivery === 'pending' ? verdict.nextAttemptAt.since(now).total('seconds') : undefined
    })
  expect(pauses(0)).toEqual([5, 300, 1_800, 7_200, 18_000, 36_000, 50_400, 72_000, 86_400])
  expect(pauses(1)).toEqual(pauses(0).map((seconds) => (seconds ?? 0) * 1.2))
  expect(judge(500, RETRY_DELAYS_SECONDS.length)).toEqual({ delivery: 'failed', endpoint: 'failing' })
})
