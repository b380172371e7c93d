import { type PreparedEvents, prepareEvents, type Tally } from '../ingest/events.ts'
import { batchRequests, type PreparedRequest, type Target } from '../ingest/http-requests.ts'

const EVENTS_PER_REQUEST = 1000

/** Requests without end until it is told to stop, each drawn when it is due; what they come to is added to the tally. */
export function* endlessRequests(
  target: Target,
  prefix: string,
  tally: Tally,
  isOver: () => boolean,
): Generator<PreparedRequest, void> {
  for (let number = 0; !isOver(); number += 1) {
    const shape = { metrics: 1, duplicates: 0, ofOneCustomer: 0 } as const
    const prepared = prepareEvents(`${prefix}${number}`, EVENTS_PER_REQUEST, shape)
    addTally(tally, prepared)
    yield* batchRequests(target, prepared.texts, EVENTS_PER_REQUEST)
  }
}

function addTally(sum: Tally, { tally }: PreparedEvents): void {
  sum.events += tally.events
  for (const [code, { events, thousandths }] of tally.metrics) {
    const metric = sum.metrics.getOrInsertComputed(code, () => ({ events: 0, thousandths: 0 }))
    metric.events += events
    metric.thousandths += thousandths
  }
}
