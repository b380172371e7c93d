import type { ArchivedUsage } from '../archives/archived-usage.ts'
import { monthOfDay } from '../archives/usage-month.ts'
import type { Statements } from '../statements.ts'
import { type ReadArchive, readArchivedEvents } from './archived-events.ts'
import { type ComparedDay, pairDays } from './compare-days.ts'
import { countDays, type MetricsByEventCode } from './counted-days.ts'
import { type LiveEvent, readLiveEvents } from './live-events.ts'
import { mergeEvents } from './merge-events.ts'
import { readStoredDays } from './stored-days.ts'
import type { SelectedMetric, UsageSelection } from './usage-selection.ts'

/** What of an organization's usage is archived, and how it is read; undefined: it cannot be. */
export interface SelectedArchive {
  readonly usage: readonly ArchivedUsage[]
  readonly read: ReadArchive | undefined
  /** Hears of each archived event on its way. */
  readonly onEvent?: (event: LiveEvent) => void
}

/**
 * The days of a selection, as they are stored and as they are counted. Days of archived months are among them only where the
 * archive can be read.
 */
export async function* pairedDays(
  client: Statements,
  { organizationId, customerId }: Pick<UsageSelection, 'organizationId' | 'customerId'>,
  { metrics, archive }: { metrics: readonly SelectedMetric[]; archive: SelectedArchive },
): AsyncGenerator<ComparedDay, void> {
  const byCode: MetricsByEventCode = Map.groupBy(metrics, ({ eventCode }) => eventCode)
  const live = readLiveEvents(client, { organizationId, customerId, eventCodes: [...byCode.keys()] })
  const events = mergeEvents([live, ...readArchives(client, customerId, archive)])
  const days = pairDays(readStoredDays(client, { organizationId, customerId, metrics }), countDays(events, byCode))
  const leftOut = new Set(archive.read === undefined ? archive.usage.map(({ month }) => month) : [])
  for await (const day of days) if (!leftOut.has(monthOfDay(day.day))) yield day
}

function readArchives(
  client: Statements,
  customerId: number | undefined,
  { usage, read, onEvent }: SelectedArchive,
): AsyncGenerator<LiveEvent, void>[] {
  if (read === undefined) return []
  return usage.map((folder) => tell(readArchivedEvents(client, { usage: folder, customerId, read }), onEvent))
}

async function* tell(
  events: AsyncGenerator<LiveEvent, void>,
  onEvent: SelectedArchive['onEvent'],
): AsyncGenerator<LiveEvent, void> {
  for await (const event of events) {
    onEvent?.(event)
    yield event
  }
}
