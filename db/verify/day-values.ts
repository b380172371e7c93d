import { distinctValueHash, isRemoval } from '../../shared/metering/unique-count.ts'
import type { CountedContribution } from '../usage/count-events.ts'
import type { IndexedSeries } from '../usage/series-index.ts'
import { type DistinctValues, isLaterEvent, type LastSighting } from './last-sighting.ts'
import { seriesKey } from './series-key.ts'

/** The last event of a value, with the key of its row. */
export interface CountedSighting extends LastSighting {
  readonly eventKey: string
}

/** Collects where values are seen last in one day. */
export interface DayValues {
  add(series: IndexedSeries, contribution: CountedContribution): void
  /** The last event of each value. */
  values(): DistinctValues<CountedSighting>
  /** Every event of the inexact series, as `sightingText`. */
  sightings(): ReadonlySet<string>
}

/** Of the inexact series, which are named by their keys, it keeps every event of the day. */
export function openDayValues(inexact: ReadonlySet<string>): DayValues {
  const found = new Map<IndexedSeries, { key: string; last: Map<string, CountedSighting> }>()
  const sightings = new Set<string>()
  const open = (series: IndexedSeries) => ({ key: seriesKey(series), last: new Map<string, CountedSighting>() })
  return {
    add: (series, { event: { event, arrival, eventKey }, value }) => {
      const { key, last } = found.getOrInsertComputed(series, open)
      const valueHash = distinctValueHash(value)
      const sighting = { micros: event.timestampMicros, arrival, isPresent: !isRemoval(event), eventKey }
      const before = last.get(valueHash)
      if (before === undefined || isLaterEvent(sighting, before)) last.set(valueHash, sighting)
      if (inexact.has(key)) sightings.add(sightingText({ series: key, valueHash, sighting }))
    },
    values: () => new Map(found.values().map(({ key, last }) => [key, last])),
    sightings: () => sightings,
  }
}

/** Text that is the same for the same event of the same value. */
export function sightingText({
  series,
  valueHash,
  sighting: { micros, arrival, isPresent },
}: {
  readonly series: string
  readonly valueHash: string
  readonly sighting: LastSighting
}): string {
  return `${series}/${valueHash}/${micros}/${arrival}/${isPresent}`
}
