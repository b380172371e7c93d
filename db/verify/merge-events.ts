import type { LiveEvent } from './live-events.ts'

interface Head {
  readonly source: AsyncGenerator<LiveEvent, void>
  readonly event: LiveEvent
}

/** Several lists of events as one, in order of customer, time and arrival; each of them must be in that order. */
export async function* mergeEvents(
  sources: readonly AsyncGenerator<LiveEvent, void>[],
): AsyncGenerator<LiveEvent, void> {
  let heads: Head[] = []
  for (const source of sources) heads.push(...(await headOf(source)))
  while (heads.length > 0) {
    const first = heads.reduce((least, head) => (comesBefore(head.event, least.event) ? head : least))
    yield first.event
    const next = await headOf(first.source)
    heads = heads.flatMap((head) => (head === first ? next : [head]))
  }
}

/** The next event of a source; none when it has no more. */
async function headOf(source: Head['source']): Promise<Head[]> {
  const { done, value } = await source.next()
  return done === true || value === undefined ? [] : [{ source, event: value }]
}

function comesBefore(one: LiveEvent, other: LiveEvent): boolean {
  const byTime = one.customerId - other.customerId || one.event.timestampMicros - other.event.timestampMicros
  return byTime === 0 ? one.arrival < other.arrival : byTime < 0
}
