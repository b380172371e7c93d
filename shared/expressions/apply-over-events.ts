import { Exact, ZERO } from '../money/decimal.ts'
import { bounded } from './bounded.ts'
import type { EventsFunction, Value } from './expression.ts'

/** What an operand came to for one event. */
interface EventValue {
  readonly value: Value
  /** Zero when the value is none. */
  readonly number: Exact
  readonly isTrue: boolean
}

/** The value of a function over events, in order of time; over none it is zero. */
export function applyOverEvents(name: EventsFunction, values: readonly EventValue[]): Exact {
  const numbers = values.map(({ number }) => number)
  switch (name) {
    case 'sum':
      return bounded(numbers.reduce((sum, number) => sum.plus(number), ZERO))
    case 'count':
      return new Exact(values.filter((value) => value.isTrue).length)
    case 'largest':
      return numbers.length === 0 ? ZERO : numbers.reduce((one, other) => Exact.max(one, other))
    case 'smallest':
      return numbers.length === 0 ? ZERO : numbers.reduce((one, other) => Exact.min(one, other))
    case 'latest':
      return numbers.at(-1) ?? ZERO
    case 'distinct':
      return new Exact(new Set(values.flatMap(({ value }) => itemOf(value))).size)
  }
}

/** Whether a function over events wants a number from each. */
export function takesNumbers(name: EventsFunction): boolean {
  return name !== 'count' && name !== 'distinct'
}

// As distinct counts have it: a number and its text are one item, and what is not there is none.
function itemOf(value: Value): string[] {
  if (value === null) return []
  return [value instanceof Exact ? value.toFixed() : String(value)]
}
