import type { SeriesIdentity } from '../usage/series.ts'

/** Text that is the same for the same series, wherever its dimensions come from and whatever order they are in. */
export function seriesKey({ metricId, externalSubscriptionId, generation, dimensions }: SeriesIdentity): string {
  const values = Object.entries(dimensions).sort(([one], [other]) => (one < other ? -1 : 1))
  return JSON.stringify([metricId, generation, externalSubscriptionId, values])
}
