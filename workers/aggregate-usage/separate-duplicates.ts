import type { EventRecords } from '../../db/usage/event-records.ts'
import { assert } from '../../shared/errors.ts'
import type { PlacedEvents } from './placed-events.ts'

/** What of events tells them apart. */
export interface KeyedEvents extends Pick<PlacedEvents, 'count' | 'customerPosition' | 'customerRanks'> {
  readonly records: Pick<EventRecords, 'keyPrefix' | 'compareKeys'>
}

/** Places of events, by customer and key. */
interface Separated {
  readonly first: number[]
  readonly resent: number[]
}

// The first 32 bits of a key and a place in one number, which is exact.
const PLACES = 2 ** 21

/**
 * The places of the first event of each identity, sorted by customer and key so that transactions claim in one order, and
 * those of the events that say it again. The engine sorts plain numbers many times faster than it calls a comparison, and
 * leaves no garbage.
 */
export function separateDuplicates(events: KeyedEvents): {
  readonly first: readonly number[]
  readonly resent: readonly number[]
} {
  assert(events.count <= PLACES, 'more events are sorted than a number tells apart')
  const separated: Separated = { first: [], resent: [] }
  for (const keyed of keysOfCustomers(events)) {
    keyed.sort()
    separate(events, keyed, separated)
  }
  return separated
}

/** What to sort, by customer in the order of their ids: the beginnings of the keys, with the places. */
function keysOfCustomers(events: KeyedEvents): Float64Array[] {
  const { records, count } = events
  const ranks = events.customerRanks()
  const rankOf = (place: number) => ranks[events.customerPosition(place)] as number
  const sizes = new Uint32Array(ranks.length)
  for (let place = 0; place < count; place += 1) (sizes[rankOf(place)] as number) += 1
  const all = new Float64Array(count)
  const ends = new Uint32Array(ranks.length)
  for (let rank = 1; rank < ranks.length; rank += 1)
    ends[rank] = (ends[rank - 1] as number) + (sizes[rank - 1] as number)
  for (let place = 0; place < count; place += 1) {
    const rank = rankOf(place)
    all[ends[rank] as number] = records.keyPrefix(place) * PLACES + place
    ;(ends[rank] as number) += 1
  }
  return Array.from(ends, (end, rank) => all.subarray(end - (sizes[rank] as number), end))
}

function separate(events: KeyedEvents, keyed: Float64Array, to: Separated): void {
  for (let start = 0, end = 0; start < keyed.length; start = end) {
    const nextKeyed = (prefixOf(keyed[start] as number) + 1) * PLACES
    for (end = start + 1; end < keyed.length && (keyed[end] as number) < nextKeyed; ) end += 1
    // Hardly ever do keys of a customer begin with the same bits, unless they are the same.
    if (end - start === 1) to.first.push(placeOf(keyed[start] as number))
    else separateAlike(events, Array.from(keyed.subarray(start, end), placeOf), to)
  }
}

function prefixOf(keyed: number): number {
  return Math.floor(keyed / PLACES)
}

// As an integer of 32 bits, which is kept without an object of its own.
function placeOf(keyed: number): number {
  return (keyed - prefixOf(keyed) * PLACES) | 0
}

// Sorting keeps the order of equals, so the first of each identity is the first that arrived.
function separateAlike({ records }: KeyedEvents, places: number[], { first, resent }: Separated): void {
  places.sort((one, other) => records.compareKeys(one, other))
  for (const [index, place] of places.entries()) {
    const before = places[index - 1]
    const isResent = before !== undefined && records.compareKeys(before, place) === 0
    ;(isResent ? resent : first).push(place)
  }
}
