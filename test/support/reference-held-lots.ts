import { fraction, NOTHING, over, plus, total } from './fraction.ts'
import type { ReferencePeriod } from './reference-period.ts'
import type { HeldLot } from './reference-ranges.ts'
import { type CountedEvent, type PricedMetric, takesAway } from './reference-units.ts'

/**
 * How units of a recurring sum or distinct count came and went, in order of time. What was there before is held for all
 * billed days, what comes from its local day on; an item that goes was held on that day, and one that goes and comes
 * back on the same day never went.
 */
export function heldLots({ about }: PricedMetric, events: readonly CountedEvent[], period: ReferencePeriod): HeldLot[] {
  const share = (days: number) => over(fraction(days), fraction(period.wholeDays))
  const daysFrom = (at: number) => period.days(at, period.end - 1)
  const carriedLot = (units: HeldLot['units']) => (units.top === 0n ? [] : [{ units, share: share(period.billedDays) }])
  const [before, within] = [events.filter(({ at }) => at < period.start), events.filter(({ at }) => at >= period.start)]
  if (about.aggregation === 'sum') {
    const lots = within.map(({ value, at }) => ({ units: value, share: share(daysFrom(at)) }))
    return [...carriedLot(total(before.map(({ value }) => value))), ...lots]
  }
  const perItem = [...Map.groupBy(events, ({ item }) => item).values()].map((ofItem) => changesOf(ofItem, period))
  const changes = perItem.flat().sort((one, other) => one.at - other.at)
  const carried = changes.filter(({ at }) => at < period.start)
  const there = carried.reduce((sum, event) => plus(sum, fraction(takesAway(event) ? -1 : 1)), NOTHING)
  const lots = changes
    .filter(({ at }) => at >= period.start)
    .map((event) =>
      takesAway(event)
        ? { units: fraction(-1), share: share(daysFrom(event.at) - 1) }
        : { units: fraction(1), share: share(daysFrom(event.at)) },
    )
  return [...carriedLot(there), ...lots]
}

// Events that change whether the item is there, without goings that were undone on their day.
function changesOf(events: readonly CountedEvent[], period: ReferencePeriod): CountedEvent[] {
  const changes: CountedEvent[] = []
  let isThere = false
  for (const event of events) {
    if (takesAway(event) !== isThere) continue
    isThere = !isThere
    const last = changes.at(-1)
    const comesBack = last !== undefined && takesAway(last) && last.at >= period.start
    if (comesBack && period.days(last.at, event.at) === 1) changes.pop()
    else changes.push(event)
  }
  return changes
}
