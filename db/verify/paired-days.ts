import type { ArchivedUsage } from '../archives/archived-usage.ts'
import { monthOfDay } from '../archives/usage-month.ts'
import type { Statements } from '../statements.ts'
import { type ArchivedEvent, type ReadArchive, readArchivedEvents } from './archived-events.ts'
import type { ComparedDay } from './compare-days.ts'
import { countDays, type MetricsByEventCode, type UsageDay } from './counted-days.ts'
import { type LiveEvent, readLiveEvents } from './live-events.ts'
import { mergeEvents } from './merge-events.ts'
import { pairDays } from './pair-days.ts'
import { readStoredDays, type StoredRange } from './stored-days.ts'
import { readStoredValueDays } from './stored-values.ts'
import type { SelectedMetric, UsageSelection } from './usage-selection.ts'

/** What of an organization's usage is archived, and how it is read; undefined: it cannot be. */
export interface SelectedArchive {
  readonly usage: readonly ArchivedUsage[]
  readonly read: ReadArchive | undefined
  /** Hears of each archived event on its way, in order of customer, time and arrival, before it is counted. */
  readonly onEvent?: (event: ArchivedEvent) => void | Promise<void>
}

/**
 * The days of a selection, as they are stored and as they are counted, which those of archived months are only where the
 * archive can be read. The series of which some distinct values are not known are named by their keys.
 */
export async function* pairedDays(
  client: Statements,
  { organizationId, customerId }: Pick<UsageSelection, 'organizationId' | 'customerId'>,
  {
    metrics,
    archive,
    inexact,
  }: {
    readonly metrics: readonly SelectedMetric[]
    readonly archive: SelectedArchive
    readonly inexact: ReadonlySet<string>
  },
): AsyncGenerator<ComparedDay, void> {
  const byCode: MetricsByEventCode = Map.groupBy(metrics, ({ eventCode }) => eventCode)
  const live = readLiveEvents(client, { organizationId, customerId, eventCodes: [...byCode.keys()] })
  const events = mergeEvents([live, readArchives(client, customerId, archive)])
  const stored = storedDays(client, { organizationId, customerId, metrics })
  const unread = new Set(archive.read === undefined ? archive.usage.map(({ month }) => month) : [])
  for await (const { left, right, ...place } of pairDays(stored, countDays(events, byCode, inexact))) {
    yield { ...place, stored: left, counted: right, isUnread: unread.has(monthOfDay(place.day)) }
  }
}

async function* storedDays(client: Statements, range: StoredRange): AsyncGenerator<UsageDay, void> {
  const days = pairDays(readStoredDays(client, range), readStoredValueDays(client, range))
  for await (const { left, right, ...place } of days) {
    const series = new Map([...(left?.series ?? []), ...(right?.series ?? [])])
    yield { ...place, rollups: left?.rollups ?? [], series, values: right?.values ?? new Map() }
  }
}

// Of the archived events those that count.
async function* readArchives(
  client: Statements,
  customerId: number | undefined,
  { usage, read, onEvent }: SelectedArchive,
): AsyncGenerator<LiveEvent, void> {
  if (read === undefined) return
  const folders = usage.map((folder) => readArchivedEvents(client, { usage: folder, customerId, read }))
  for await (const event of mergeEvents(folders)) {
    await onEvent?.(event)
    if (!event.isCorrected) yield event
  }
}
