import { hash } from 'node:crypto'
import { decimalText } from '../json/exact-json.ts'
import { decimal, type Exact } from '../money/decimal.ts'
import type { Contribution, CountedValue, EventAggregation } from './aggregation.ts'

/**
 * Units are the distinct values of a field. An event with `operation_type` `remove` takes its item away again; removing
 * what is not there changes nothing. Recurring, items stay until they are removed.
 */
export const uniqueCount: EventAggregation = {
  source: 'events',
  reads: 'value',
  mayRecur: true,
  accumulates: true,
  contribution: (value, field): Contribution =>
    value === undefined || value === null
      ? { reason: 'value_missing', details: { field } }
      : { value: decimalText(value) ?? JSON.stringify(value) },
  // Whatever came before, the last operation on an item says whether it is there.
  units: (events) => {
    const present = new Map<string, boolean>()
    for (const event of events) present.set(event.value, !isRemoval(event))
    return decimal(String([...present.values()].filter(Boolean).length))
  },
}

/** By how much each event changes the count: 1, 0 or -1. In the order of the events, that of time, then arrival. */
export function distinctChanges(events: readonly CountedValue[]): Exact[] {
  const present = new Map<string, boolean>()
  return events.map((event) => {
    const [before, after] = [present.get(event.value) ?? false, !isRemoval(event)]
    present.set(event.value, after)
    return decimal(String(Number(after) - Number(before)))
  })
}

/** 128 bits, as hexadecimal text, that tell an item from every other. */
export function distinctValueHash(value: string): string {
  return hash('sha256', value).slice(0, 32)
}

/** The property that says whether an event adds its item or takes it away. */
export const OPERATION = 'operation_type'

/** Whether the event takes its item away. */
export function isRemoval({ properties }: Pick<CountedValue, 'properties'>): boolean {
  return properties[OPERATION] === 'remove'
}
