import type { Statements } from '../statements.ts'
import type { SeriesIdentity } from '../usage/series.ts'
import type { ComparedDay } from './compare-days.ts'
import { type CountedSighting, sightingText } from './day-values.ts'
import { isLaterEvent, isSameEvent, type LastSighting } from './last-sighting.ts'
import { seriesKey } from './series-key.ts'
import { findStoredValues } from './stored-values.ts'

/** A value of which something else is stored than its last event. */
export interface ValueDifference {
  readonly series: SeriesIdentity
  readonly valueHash: string
  readonly stored: LastSighting | null
  /** Null: no event of the value is what is stored. */
  readonly computed: CountedSighting | null
}

/** Compares days as they come, in order of customer, then time. */
export interface ValueComparison {
  /** Answers with the differences of the customer before, once days of another one come. */
  add(day: ComparedDay): Promise<readonly ValueDifference[]>
  /** The differences of the last customer. */
  end(): readonly ValueDifference[]
}

interface ComparisonScope {
  readonly organizationId: number
  /** The keys of series whose values may be missing, or stored with an event before their last. */
  readonly inexact: ReadonlySet<string>
}

/**
 * Finds stored values that are not their last event. Memory holds a day, the ids of a customer's series, and its values
 * that differ.
 */
export function openValueComparison(client: Statements, scope: ComparisonScope): ValueComparison {
  let found = new Map<string, ValueDifference>()
  let seriesIds: Promise<ReadonlyMap<string, string>> | undefined
  let customerId: number | undefined
  const end = () => {
    const differences = [...found.values()]
    found = new Map()
    return differences
  }
  return {
    add: async (day) => {
      const before = customerId === undefined || customerId === day.customerId ? [] : end()
      if (customerId !== day.customerId) seriesIds = undefined
      customerId = day.customerId
      for (const difference of strangersOf(day, scope)) found.set(keyOf(difference), difference)
      const unmatched = unmatchedOf(day, scope)
      if (unmatched.length === 0) return before
      seriesIds ??= listSeriesIds(client, scope.organizationId, customerId)
      const keys = withSeriesIds(unmatched, await seriesIds)
      const stored = await findStoredValues(client, { ...scope, customerId, keys })
      for (const [place, difference] of unmatched.entries()) {
        const row = stored[place] ?? null
        // Who was seen again later is looked at there. Of one that is wrong, the last day that says so is kept.
        if (row === null || isLaterEvent(difference.computed, row) || isSameEvent(difference.computed, row)) {
          found.set(keyOf(difference), { ...difference, stored: row })
        }
      }
      return before
    },
    end,
  }
}

function keyOf({ series, valueHash }: ValueDifference): string {
  return `${seriesKey(series)}/${valueHash}`
}

// Stored with an event of the day that is not there. What an archive holds nobody knows without it.
function strangersOf({ stored, counted, isUnread }: ComparedDay, { inexact }: ComparisonScope): ValueDifference[] {
  if (stored === undefined || isUnread) return []
  return [...stored.values].flatMap(([key, values]) => {
    const series = stored.series.get(key)
    if (series === undefined) return []
    const seen = counted?.values.get(key)
    return [...values].flatMap(([valueHash, sighting]) => {
      const last = seen?.get(valueHash)
      const isEvent = inexact.has(key)
        ? counted?.sightings.has(sightingText({ series: key, valueHash, sighting })) === true
        : last !== undefined && isSameEvent(last, sighting) && last.isPresent === sighting.isPresent
      return isEvent ? [] : [{ series, valueHash, stored: sighting, computed: null }]
    })
  })
}

// Values whose last event of the day is not what is stored of them: they were seen later, or something is wrong.
function unmatchedOf({ stored, counted }: ComparedDay, { inexact }: ComparisonScope) {
  if (counted === undefined) return []
  return [...counted.values].flatMap(([key, values]) => {
    const series = counted.series.get(key)
    if (series === undefined || inexact.has(key)) return []
    const rows = stored?.values.get(key)
    return [...values].flatMap(([valueHash, computed]) => {
      const row = rows?.get(valueHash)
      const isStored = row !== undefined && isSameEvent(row, computed) && row.isPresent === computed.isPresent
      return isStored ? [] : [{ series, valueHash, stored: null, computed }]
    })
  })
}

function withSeriesIds(
  differences: readonly { readonly series: SeriesIdentity; readonly valueHash: string }[],
  seriesIds: ReadonlyMap<string, string>,
) {
  // No series has this id, so nothing is found for one that is not there.
  return differences.map(({ series, valueHash }) => ({
    seriesId: seriesIds.get(seriesKey(series)) ?? '-1',
    valueHash,
  }))
}

async function listSeriesIds(
  client: Statements,
  organizationId: number,
  customerId: number,
): Promise<ReadonlyMap<string, string>> {
  const { rows } = await client.query<SeriesIdentity & { readonly seriesId: string }>(
    `select series.customer_id as "customerId", series.series_id::text as "seriesId",
       series.billable_metric_id::text as "metricId", series.external_subscription_id as "externalSubscriptionId",
       series.generation, series.dimensions
     from usage_series series
     join billable_metrics metric on metric.id = series.billable_metric_id and metric.aggregation = 'unique_count'
     where series.organization_id = $1 and series.customer_id = $2`,
    [organizationId, customerId],
  )
  return new Map(rows.map((row) => [seriesKey(row), row.seriesId]))
}
