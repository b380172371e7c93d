import type { LiveEvent } from './live-events.ts'

interface Head<Event> {
  readonly source: AsyncGenerator<Event, void>
  readonly event: Event
}

/** Several lists of events as one, in order of customer, time and arrival; each of them must be in that order. */
export async function* mergeEvents<Event extends LiveEvent>(
  sources: readonly AsyncGenerator<Event, void>[],
): AsyncGenerator<Event, void> {
  let heads: Head<Event>[] = []
  for (const source of sources) heads.push(...(await headOf(source)))
  while (heads.length > 0) {
    const first = heads.reduce((least, head) => (comesBefore(head.event, least.event) ? head : least))
    yield first.event
    const next = await headOf(first.source)
    heads = heads.flatMap((head) => (head === first ? next : [head]))
  }
}

/** The next event of a source; none when it has no more. */
async function headOf<Event>(source: AsyncGenerator<Event, void>): Promise<Head<Event>[]> {
  const { done, value } = await source.next()
  return done === true || value === undefined ? [] : [{ source, event: value }]
}

function comesBefore(one: LiveEvent, other: LiveEvent): boolean {
  const byTime = one.customerId - other.customerId || one.event.timestampMicros - other.event.timestampMicros
  return byTime === 0 ? one.arrival < other.arrival : byTime < 0
}
