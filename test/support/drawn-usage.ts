import fc from 'fast-check'
import { drawnCharge } from './drawn-charges.ts'

/** When the subscriptions are made, and a time of the month that they are billed for. */
export const NOW = '2026-01-20T00:00:00Z'

const BORDERS = [
  '2026-01-01T00:00:00Z',
  '2026-01-08T09:30:00Z',
  '2026-01-27T10:00:00Z',
  '2026-01-31T18:15:00Z',
  '2026-01-31T23:00:00Z',
  '2026-02-01T00:00:00Z',
  '2026-02-01T03:30:00Z',
]

const drawnMicros = fc.oneof(
  { weight: 6, arbitrary: fc.integer({ min: -22 * 86_400, max: 13 * 86_400 }).map((seconds) => seconds * 1_000_000) },
  // On the borders of periods, a microsecond before them and after.
  {
    weight: 1,
    arbitrary: fc.tuple(fc.constantFrom(...BORDERS), fc.constantFrom(-1, 0, 1)).map(([border, micros]) => {
      return (Date.parse(border) - Date.parse(NOW)) * 1000 + micros
    }),
  },
)

const unusable = fc.constantFrom<unknown>('many', '', '1,5', true, null, undefined, { a: 1 }, [1])
const signed = fc.oneof(
  { weight: 6, arbitrary: fc.integer({ min: -3, max: 6 }) },
  { weight: 3, arbitrary: fc.integer({ min: -40, max: 120 }).map((tenths) => tenths / 10) },
  { weight: 2, arbitrary: fc.constantFrom<unknown>('2.50', '1e1', '+3', '.5', '-.5', 0) },
  { weight: 1, arbitrary: unusable },
)
const positive = fc.oneof(
  { weight: 6, arbitrary: fc.integer({ min: 0, max: 5 }) },
  { weight: 3, arbitrary: fc.integer({ min: 0, max: 120 }).map((tenths) => String(tenths / 10)) },
  { weight: 2, arbitrary: fc.constantFrom<unknown>('2.50', '1E1', '+3', '.5', 0, 7.5) },
  { weight: 1, arbitrary: unusable },
)

const drawnEvent = fc.record({
  micros: drawnMicros,
  subscription: fc.constantFrom('own', 'own', null, null, null, null, 'nowhere'),
  code: fc.constantFrom('use', 'use', 'use', 'use', 'use', 'use', 'use', 'nobody-reads-this'),
  cents: fc.option(fc.integer({ min: 0, max: 5000 }).map((tenths) => String(tenths / 10))),
  /** Whether it arrives when the invoice is a draft already. */
  isLate: fc.boolean(),
  /** How often it is sent again, and whether another event is sent under its identity. */
  resends: fc.constantFrom(0, 0, 0, 1, 2),
  isReused: fc.constantFrom(false, false, false, true),
  properties: fc.record(
    {
      v: signed,
      n: positive,
      w: fc.constantFrom<unknown>(1, '2', 3, true, 'none', null),
      item: fc.constantFrom<unknown>('a', 'b', 'c', 'A', 1, '1', '', null, undefined),
      operation_type: fc.constantFrom('add', 'add', 'remove'),
      region: fc.constantFrom('eu', 'us', 'mars', null, undefined),
      size: fc.constantFrom('s', 'l', 'm', undefined),
      meta: fc.constantFrom<unknown>({ tier: 1 }, { tier: '1' }, { tier: 'b' }, {}, undefined, 'none'),
    },
    { requiredKeys: ['v', 'n', 'w', 'item', 'region', 'size', 'meta'] },
  ),
})

/** A customer with a plan of its own and all that is sent for it; no two of its events have the same time. */
export const drawnCase = fc.record({
  currency: fc.constantFrom('USD', 'USD', 'JPY', 'KWD'),
  timeZone: fc.constantFrom('UTC', 'Europe/Berlin', 'Asia/Kathmandu', 'America/St_Johns'),
  startedAt: fc.constantFrom('2025-12-10T11:00:00Z', '2026-01-08T09:30:00Z'),
  endedAt: fc.constantFrom(null, null, null, '2026-01-27T10:00:00Z'),
  charges: fc.array(drawnCharge, { minLength: 1, maxLength: 3 }),
  events: fc.uniqueArray(drawnEvent, { selector: ({ micros }) => micros, maxLength: 30, size: 'max' }),
})

export type DrawnCase = typeof drawnCase extends fc.Arbitrary<infer Value> ? Value : never
export type DrawnEvent = DrawnCase['events'][number]
