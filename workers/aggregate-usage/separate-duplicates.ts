import type { PlacedEvents } from './placed-events.ts'

const KEY_PREFIXES = 2 ** 32

/**
 * The places of the first event of each identity, sorted by customer and key so that transactions claim in one order, and
 * those of the events that say it again.
 */
export function separateDuplicates(events: PlacedEvents): {
  readonly first: readonly number[]
  readonly resent: readonly number[]
} {
  const { records } = events
  const order = orderOf(events)
  const first: number[] = []
  const resent: number[] = []
  // Sorting keeps the order of equals, so the first of each identity is the first that arrived.
  const places = Uint32Array.from(order.keys()).sort(
    (one, other) => (order[one] as number) - (order[other] as number) || records.compareKeys(one, other),
  )
  let last: number | undefined
  for (const place of places) {
    if (last !== undefined && order[last] === order[place] && records.compareKeys(last, place) === 0) resent.push(place)
    else {
      first.push(place)
      last = place
    }
  }
  return { first, resent }
}

// The rank of the customer and the first bits of the key in one number, which is exact: ranks have 20 bits at most.
function orderOf(events: PlacedEvents): Float64Array {
  const ranks = events.customerRanks()
  return Float64Array.from({ length: events.count }, (_, place) => {
    const rank = ranks[events.customerPosition(place)] as number
    return rank * KEY_PREFIXES + events.records.keyPrefix(place)
  })
}
