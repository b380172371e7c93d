import { decimal, Exact, ZERO } from '../money/decimal.ts'
import type { MeteredEvent } from './metered-usage.ts'

/** What is free of a percentage; zero is no such allowance. */
interface Allowance {
  readonly allowedUnits: Exact
  readonly allowedEvents: Exact
}

/**
 * The free first part of some events. It ends with the last free event or with the free units, whichever comes first:
 * the event that reaches the end of the free units counts as paid, though the units up to there are free.
 */
export function freeEventsWithin(
  events: readonly MeteredEvent[],
  { allowedUnits, allowedEvents }: Allowance,
): { readonly units: Exact; readonly count: Exact } {
  const byCount = allowedEvents.isZero() ? events : events.slice(0, allowedEvents.toNumber())
  const totals = runningTotals(byCount)
  const all = totals.at(-1) ?? ZERO
  if (allowedUnits.isZero()) {
    return { units: Exact.max(all, 0), count: allowedEvents.isZero() ? ZERO : decimal(BigInt(totals.length)) }
  }
  const crossing = totals.findIndex((total) => total.greaterThanOrEqualTo(allowedUnits))
  const count = crossing === -1 ? totals.length : crossing
  return { units: crossing === -1 ? Exact.max(all, 0) : allowedUnits, count: decimal(BigInt(count)) }
}

function runningTotals(events: readonly MeteredEvent[]): Exact[] {
  let total = ZERO
  return events.map((event) => {
    total = total.plus(event.value)
    return total
  })
}
