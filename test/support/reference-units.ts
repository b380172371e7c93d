import {
  compare,
  type Fraction,
  fraction,
  least,
  minus,
  most,
  NOTHING,
  ONE,
  over,
  plus,
  rounded,
  times,
  total,
} from './fraction.ts'

/** An event as the reference reads it; times are microseconds since 1970. */
export interface ReferenceEvent {
  readonly at: number
  readonly properties: Readonly<Record<string, unknown>>
  /** The price that came with it, in minor units. */
  readonly cents: string | null
}

/** An event that a metric can use. */
export interface CountedEvent extends ReferenceEvent {
  readonly value: Fraction
  readonly item: string
}

/** The billed part of a period, and the length of the whole one. */
export interface ReferenceSpan {
  readonly start: number
  readonly end: number
  readonly wholeMicros: number
}

/** A metric as it is created, and what becomes of its events. */
export interface PricedMetric {
  readonly code: string
  readonly about: { readonly aggregation: string; readonly recurring?: boolean } & Readonly<Record<string, unknown>>
  /** The value or the item of an event; null when it cannot be used. */
  readonly read: (properties: Readonly<Record<string, unknown>>) => Fraction | string | null
  /** Units of events in order of time. */
  readonly units: (events: readonly CountedEvent[], span: ReferenceSpan) => Fraction
}

const v = (properties: Readonly<Record<string, unknown>>) => numberOf(properties['v'])
const n = (properties: Readonly<Record<string, unknown>>) => numberOf(properties['n'])
const item = (properties: Readonly<Record<string, unknown>>) => textOf(properties['item'])
const sum = (events: readonly CountedEvent[]) => total(events.map(({ value }) => value))
const count = (events: readonly CountedEvent[]) => fraction(events.length)
const rounding = { mode: 'ceil', precision: 0 }

/** All read events of the code `use`; no two events of a customer have the same time. */
export const PRICED_METRICS: readonly PricedMetric[] = [
  { code: 'count', about: { aggregation: 'count' }, read: () => ONE, units: count },
  { code: 'sum', about: { aggregation: 'sum', field_name: 'v' }, read: v, units: sum },
  { code: 'volume', about: { aggregation: 'sum', field_name: 'n' }, read: n, units: sum },
  { code: 'max', about: { aggregation: 'max', field_name: 'v' }, read: v, units: extreme(most) },
  { code: 'min', about: { aggregation: 'min', field_name: 'n' }, read: n, units: extreme(least) },
  {
    code: 'avg',
    about: { aggregation: 'avg', field_name: 'n' },
    read: n,
    units: (events) => (events.length === 0 ? NOTHING : over(sum(events), count(events))),
  },
  {
    code: 'latest',
    about: { aggregation: 'latest', field_name: 'v' },
    read: v,
    units: (events) => most(NOTHING, events.at(-1)?.value ?? NOTHING),
  },
  { code: 'level', about: { aggregation: 'weighted_sum', field_name: 'v' }, read: v, units: levelOf },
  { code: 'items', about: { aggregation: 'unique_count', field_name: 'item' }, read: item, units: presentItems },
  {
    code: 'p80',
    about: { aggregation: 'percentile', field_name: 'n', percentile: 80 },
    read: n,
    // Nearest rank.
    units: (events) =>
      events.map(({ value }) => value).sort(compare)[Math.ceil((80 * events.length) / 100) - 1] ?? NOTHING,
  },
  {
    code: 'custom',
    about: { aggregation: 'custom', expression: 'sum(properties.n) - largest(properties.n) / 2' },
    read: (properties) => expressionNumber(properties['n']),
    units: (events) => minus(sum(events), over(extreme(most)(events), fraction(2))),
  },
  {
    code: 'product',
    about: { aggregation: 'sum', expression: 'event.properties.n * event.properties.w' },
    read: ({ n: one, w: other }) => {
      const [left, right] = [expressionNumber(one), expressionNumber(other)]
      return left === null || right === null ? null : times(left, right)
    },
    units: sum,
  },
  {
    code: 'rounded',
    about: { aggregation: 'sum', field_name: 'v', rounding },
    read: v,
    units: (events) => rounded(sum(events), 'ceil', 0),
  },
  { code: 'held_sum', about: { aggregation: 'sum', field_name: 'v', recurring: true }, read: v, units: sum },
  {
    code: 'held_level',
    about: { aggregation: 'weighted_sum', field_name: 'v', recurring: true },
    read: v,
    units: levelOf,
  },
  {
    code: 'held_items',
    about: { aggregation: 'unique_count', field_name: 'item', recurring: true },
    read: item,
    units: presentItems,
  },
]

/** The events that the metric can use, in order of time. */
export function countedEvents({ read }: PricedMetric, events: readonly ReferenceEvent[]): CountedEvent[] {
  return events
    .flatMap((event) => {
      const found = read(event.properties)
      if (found === null) return []
      return typeof found === 'string' ? { ...event, item: found, value: ONE } : { ...event, item: '', value: found }
    })
    .sort((one, other) => one.at - other.at)
}

/** Whether an event takes its item away. */
export function takesAway({ properties }: ReferenceEvent): boolean {
  return properties['operation_type'] === 'remove'
}

/** The text of a property at a dotted path; null where there is none. */
export function textAt(properties: Readonly<Record<string, unknown>>, path: string): string | null {
  const found = path
    .split('.')
    .reduce<unknown>((object, key) => (object as Record<string, unknown> | null)?.[key], properties)
  return textOf(found)
}

function textOf(value: unknown): string | null {
  if (value === undefined || value === null) return null
  return typeof value === 'string' ? value : JSON.stringify(value)
}

function numberOf(value: unknown): Fraction | null {
  if (typeof value !== 'number' && typeof value !== 'string') return null
  return /^[+-]?(\d+\.?\d*|\.\d+)(e\d)?$/i.test(String(value)) ? fraction(value) : null
}

function expressionNumber(value: unknown): Fraction | null {
  return typeof value === 'boolean' ? fraction(Number(value)) : numberOf(value)
}

function extreme(better: (one: Fraction, other: Fraction) => Fraction) {
  return (events: readonly CountedEvent[]): Fraction =>
    events.length === 0 ? NOTHING : events.map(({ value }) => value).reduce(better)
}

function levelOf(events: readonly CountedEvent[], { start, end, wholeMicros }: ReferenceSpan): Fraction {
  return events.reduce((level, { value, at }) => {
    return plus(level, times(value, over(fraction(end - Math.max(at, start)), fraction(wholeMicros))))
  }, NOTHING)
}

function presentItems(events: readonly CountedEvent[]): Fraction {
  const present = new Set<string>()
  for (const event of events) {
    if (takesAway(event)) present.delete(event.item)
    else present.add(event.item)
  }
  return fraction(present.size)
}
