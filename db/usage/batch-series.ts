import { type CountedMetric, dimensionsText } from '../../shared/metering/count-event.ts'
import { type SeriesIdentity, seriesOf } from './series.ts'
import type { CountableEvent } from './usage-events.ts'

/** A series that a batch adds to; there is one object for each. */
export interface SeriesOfBatch extends SeriesIdentity {
  /** Text that differs from that of every other series there is. */
  readonly key: string
}

/** Tells the series of a batch apart; the common case takes two look-ups and one short text. */
export class BatchSeries {
  readonly #ofMetric = new Map<string, Map<number, Map<string, SeriesOfBatch>>>()

  of(stored: CountableEvent, metric: CountedMetric): SeriesOfBatch {
    const { customerId, event } = stored
    const ofCustomer = this.#ofMetric.getOrInsertComputed(metric.id, () => new Map())
    const series = ofCustomer.getOrInsertComputed(customerId, () => new Map<string, SeriesOfBatch>())
    const { externalSubscriptionId } = event
    const dimensions = dimensionsText(event, metric)
    const text = externalSubscriptionId === null ? dimensions : `${dimensions}=${externalSubscriptionId}`
    const existing = series.get(text)
    if (existing !== undefined) return existing
    const created: SeriesOfBatch = {
      ...seriesOf(stored, metric),
      key: `${customerId}/${metric.id}/${metric.generation}/${text}`,
    }
    series.set(text, created)
    return created
  }

  all(): readonly SeriesOfBatch[] {
    return this.#ofMetric
      .values()
      .flatMap((ofCustomer) => ofCustomer.values().flatMap((series) => series.values()))
      .toArray()
  }
}
