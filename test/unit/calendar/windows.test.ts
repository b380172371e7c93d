import fc from 'fast-check'
import { expect, test } from 'vitest'
import { WINDOW_SIZES, type WindowSize, windowsWithin } from '../../../shared/calendar/windows.ts'

const at = (text: string): Temporal.Instant => Temporal.Instant.from(text)

function starts(start: string, end: string, size: WindowSize, timeZone: string): string[] {
  return windowsWithin({ start: at(start), end: at(end) }, size, timeZone).map((window) => window.start.toString())
}

test.each<[WindowSize, string, string, string, string[]]>([
  ['hour', '2026-01-01T10:20:00Z', '2026-01-01T12:00:00Z', 'UTC', ['2026-01-01T10:20:00Z', '2026-01-01T11:00:00Z']],
  [
    'hour',
    '2026-01-01T00:00:00Z',
    '2026-01-01T01:00:00Z',
    'Asia/Kolkata',
    ['2026-01-01T00:00:00Z', '2026-01-01T00:30:00Z'],
  ],
  // Clocks go from three back to two.
  [
    'hour',
    '2026-10-25T00:00:00Z',
    '2026-10-25T03:00:00Z',
    'Europe/Berlin',
    ['2026-10-25T00:00:00Z', '2026-10-25T01:00:00Z', '2026-10-25T02:00:00Z'],
  ],
  [
    'day',
    '2026-03-28T23:00:00Z',
    '2026-03-30T22:00:00Z',
    'Europe/Berlin',
    ['2026-03-28T23:00:00Z', '2026-03-29T22:00:00Z'],
  ],
  ['week', '2026-01-01T00:00:00Z', '2026-01-06T00:00:00Z', 'UTC', ['2026-01-01T00:00:00Z', '2026-01-05T00:00:00Z']],
  ['month', '2026-01-31T00:00:00Z', '2026-02-01T00:00:00Z', 'UTC', ['2026-01-31T00:00:00Z']],
])('windows of a %s from %s to %s in %s', (size, start, end, timeZone, expected) => {
  expect(starts(start, end, size, timeZone)).toEqual(expected)
})

test('windows cover a stretch of time without gap or overlap, in every zone', () => {
  const zones = fc.constantFrom('UTC', 'Europe/Berlin', 'America/St_Johns', 'Australia/Lord_Howe', 'Pacific/Apia')
  const seconds = fc.integer({ min: 1_743_000_000, max: 1_777_000_000 })
  fc.assert(
    fc.property(zones, fc.constantFrom(...WINDOW_SIZES), seconds, fc.integer({ min: 1, max: 200_000 }), (...given) => {
      const [timeZone, size, from, length] = given
      const range = {
        start: Temporal.Instant.fromEpochMilliseconds(from * 1000),
        end: Temporal.Instant.fromEpochMilliseconds((from + length) * 1000),
      }
      const windows = windowsWithin(range, size, timeZone)
      const edges = [range.start, ...windows.map((window) => window.end)].map(String)
      expect(windows.map((window) => String(window.start))).toEqual(edges.slice(0, -1))
      expect(edges.at(-1)).toBe(range.end.toString())
      // Only the first and the last are cut; whole ones leave no gap either.
      const uncut = windows.map(({ start, end, whole }) => [
        String(whole.start) === String(start),
        String(whole.end) === String(end),
      ])
      expect(uncut.slice(1).every(([fromStart]) => fromStart)).toBe(true)
      expect(uncut.slice(0, -1).every(([, toEnd]) => toEnd)).toBe(true)
      const [first, last] = [windows[0]?.whole, windows.at(-1)?.whole]
      expect(
        windowsWithin({ start: first?.start ?? range.end, end: last?.end ?? range.start }, size, timeZone),
      ).toEqual(windows.map(({ whole }) => ({ ...whole, whole })))
    }),
    { numRuns: 60 },
  )
})
