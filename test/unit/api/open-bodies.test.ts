import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { OpenBodies, type OpenReading } from '../../../api/open-bodies.ts'

const KIBIBYTE = 1024

function reading(): OpenReading & { readonly expired: number[] } {
  const expired: number[] = []
  return { heldBytes: 0, looks: 0, expire: (seconds) => void expired.push(seconds), expired }
}

describe('what all bodies hold together', () => {
  const open = () => new OpenBodies({ maxHeldBytes: 100 * KIBIBYTE, timeoutSeconds: 60 })

  test('is bounded, and what is let go of is free again', () => {
    const bodies = open()
    const [one, other] = [reading(), reading()]
    expect(bodies.hold(one, 60 * KIBIBYTE)).toBe(true)
    expect(bodies.hold(other, 40 * KIBIBYTE)).toBe(true)
    expect(bodies.hold(other, 41 * KIBIBYTE)).toBe(false)
    expect(bodies.hold(one, 50 * KIBIBYTE)).toBe(true)
    expect(bodies.hold(other, 50 * KIBIBYTE)).toBe(true)
    bodies.close(one)
    bodies.close(one)
    expect(bodies.hold(other, 100 * KIBIBYTE)).toBe(true)
  })

  test('does not hold up one body alone, nor small ones', () => {
    const bodies = open()
    const [large, small] = [reading(), reading()]
    expect(bodies.hold(large, 500 * KIBIBYTE)).toBe(true)
    expect(bodies.hold(small, 16 * KIBIBYTE)).toBe(true)
    expect(bodies.hold(small, 16 * KIBIBYTE + 1)).toBe(false)
    expect(bodies.hold(large, 501 * KIBIBYTE)).toBe(false)
  })
})

describe('how long a sender is waited for', () => {
  beforeEach(() => void vi.useFakeTimers())
  afterEach(() => void vi.useRealTimers())

  test('ends after the time, counted from when it is waited for', () => {
    const bodies = new OpenBodies({ maxHeldBytes: KIBIBYTE, timeoutSeconds: 60 })
    const [silent, lively, whole] = [reading(), reading(), reading()]
    for (const body of [silent, lively, whole]) bodies.await(body)
    bodies.close(whole)
    vi.advanceTimersByTime(59_000)
    bodies.receive(lively)
    expect(silent.expired).toEqual([])
    bodies.await(lively)
    vi.advanceTimersByTime(11_000)
    expect([silent.expired, lively.expired, whole.expired]).toEqual([[60], [], []])
    bodies.stop()
    vi.advanceTimersByTime(100_000)
    expect(lively.expired).toEqual([])
  })
})
