import { expect, test } from 'vitest'
import { outlastOutage } from '../../../workers/outlast-outage.ts'

const REFUSED = Object.assign(new Error('connect ECONNREFUSED 127.0.0.1:5432'), { code: 'ECONNREFUSED' })
const STARTING = Object.assign(new Error('the database system is starting up'), { code: '57P03' })
const NEVER = new AbortController().signal

test('work is done again until the database is back', async () => {
  const failures = [REFUSED, STARTING]
  const told: string[] = []
  const work = async () => {
    const failure = failures.shift()
    if (failure !== undefined) throw failure
    return 'done'
  }
  const options = {
    signal: NEVER,
    onOutage: (error: Error, delayMs: number) => told.push(`${error.message}, ${delayMs}`),
  }
  expect(await outlastOutage(work, options)).toBe('done')
  expect(told).toEqual([`${REFUSED.message}, 250`, `${STARTING.message}, 500`])
})

test('a failure that no waiting would change is passed on at once', async () => {
  const violation = Object.assign(new Error('duplicate key'), { code: '23505' })
  let tries = 0
  const work = async () => {
    tries += 1
    throw violation
  }
  await expect(outlastOutage(work, { signal: NEVER, onOutage: () => undefined })).rejects.toBe(violation)
  expect(tries).toBe(1)
})

test('a worker that is to stop waits for no database', async () => {
  const stopping = new AbortController()
  const work = async () => {
    throw REFUSED
  }
  const failing = outlastOutage(work, { signal: stopping.signal, onOutage: () => stopping.abort() })
  await expect(failing).rejects.toBe(REFUSED)
})
