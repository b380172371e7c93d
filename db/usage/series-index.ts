import { type CountedMetric, dimensionsText } from '../../shared/metering/count-event.ts'
import { type SeriesIdentity, seriesOf } from './series.ts'
import type { CountableEvent } from './usage-events.ts'

/** A series that events add to; an index has one object for each. */
export interface IndexedSeries extends SeriesIdentity {
  /** Its id, when it is committed and known. */
  seriesId: string | undefined
}

const noSeries = () => new Map<string, IndexedSeries>()

type SeriesOfCustomers = Map<number, Map<string, IndexedSeries>>

/** Tells series apart; the common case takes three look-ups and one short text. */
export class SeriesIndex {
  readonly #ofGeneration = new Map<string, SeriesOfCustomers>()
  /** The same by the object that stands for the metric, so that no name has to be written. */
  readonly #ofMetric = new WeakMap<CountedMetric, SeriesOfCustomers>()
  #size = 0

  /** How many series there are. */
  get size(): number {
    return this.#size
  }

  of(stored: CountableEvent, metric: CountedMetric): IndexedSeries {
    const { customerId, event } = stored
    const series = this.#ofCustomers(metric).getOrInsertComputed(customerId, noSeries)
    const { externalSubscriptionId } = event
    const dimensions = dimensionsText(event, metric)
    const text = externalSubscriptionId === null ? dimensions : `${dimensions}=${externalSubscriptionId}`
    const existing = series.get(text)
    if (existing !== undefined) return existing
    const created: IndexedSeries = { ...seriesOf(stored, metric), seriesId: undefined }
    series.set(text, created)
    this.#size += 1
    return created
  }

  #ofCustomers(metric: CountedMetric): SeriesOfCustomers {
    const known = this.#ofMetric.get(metric)
    if (known !== undefined) return known
    const named = this.#ofGeneration.getOrInsertComputed(`${metric.id}/${metric.generation}`, () => new Map())
    this.#ofMetric.set(metric, named)
    return named
  }
}
