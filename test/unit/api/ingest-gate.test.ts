import { expect, test } from 'vitest'
import { Gauge } from '../../../api/events/gauge.ts'
import { type IngestBound, IngestGate } from '../../../api/events/ingest-gate.ts'

const OFTEN = { everyMs: 0, staleMs: 60_000 }
const ONCE = { everyMs: 60_000, staleMs: 60_000 }
const CLOSED = { code: 'ingest_overloaded', retryAfterSeconds: expect.any(Number) }

function queueBound(gauge: Gauge): IngestBound {
  return { gauge, isReached: (events) => events >= 10, reason: 'the queue is full', retryAfterSeconds: 2 }
}

test('it is closed while the bound is reached, and open again when it is not', async () => {
  let events = 10
  const gauge = new Gauge(async () => events, { everyMs: 0, staleMs: -1 })
  const gate = new IngestGate({ queuedEvents: queueBound(gauge), storage: [] })
  const isOpen = async () => {
    try {
      await gate.requireOpen()
      return true
    } catch {
      return false
    }
  }
  expect(await isOpen()).toBe(false)
  events = 9
  await expect.poll(isOpen, { interval: 1 }).toBe(true)
  events = 10
  await expect.poll(isOpen, { interval: 1 }).toBe(false)
})

test('what is accepted counts before it is measured', async () => {
  const gate = new IngestGate({ queuedEvents: queueBound(new Gauge(async () => 8, ONCE)), storage: [] })
  await gate.requireOpen()
  gate.accepted(1)
  expect(gate.requireOpen()).toBeUndefined()
  gate.accepted(1)
  expect(() => gate.requireOpen()).toThrow(expect.objectContaining(CLOSED))
})

test('any bound closes it', async () => {
  const full: IngestBound = {
    gauge: new Gauge(async () => 1, ONCE),
    isReached: (bytes) => bytes < 2,
    reason: 'no space is left',
    retryAfterSeconds: 30,
  }
  const gate = new IngestGate({ queuedEvents: queueBound(new Gauge(async () => 0, ONCE)), storage: [full] })
  await expect(gate.requireOpen()).rejects.toThrow('no space is left')
})

test('what cannot be measured refuses nothing', async () => {
  const gauge = new Gauge(() => Promise.reject(new Error('away')), OFTEN)
  const gate = new IngestGate({ queuedEvents: queueBound(gauge), storage: [] })
  await expect(gate.requireOpen()).resolves.toBeUndefined()
  gate.accepted(100)
  expect(await gate.requireOpen()).toBeUndefined()
})

test('those who are refused are told different times, from the least to three times as long', async () => {
  const gate = new IngestGate({ queuedEvents: queueBound(new Gauge(async () => 10, ONCE)), storage: [] })
  await expect(gate.requireOpen()).rejects.toMatchObject(CLOSED)
  const seconds = Array.from({ length: 200 }, () => {
    try {
      void gate.requireOpen()
    } catch (error) {
      return (error as { retryAfterSeconds: number }).retryAfterSeconds
    }
  })
  expect(new Set(seconds)).toEqual(new Set([3, 4, 5, 6]))
})

test('a gauge measures no more often than it is told to', async () => {
  let measured = 0
  const gauge = new Gauge(async () => {
    measured += 1
    return 0
  }, ONCE)
  await gauge.read()
  for (let times = 0; times < 100; times += 1) void gauge.read()
  expect(measured).toBe(1)
})
