import type { BillingPeriod } from '../../shared/calendar/billing-period.ts'
import type { CutWindow } from '../../shared/calendar/windows.ts'
import type { ComponentUsage, PortionName, UsageComponent } from '../../shared/invoicing/components.ts'
import { portionKey, portionKeysOf, portionOf, WHOLE } from '../../shared/invoicing/portions.ts'
import type { UsageWindow } from '../../shared/metering/aggregation.ts'
import { heldUnits } from '../../shared/metering/held-units.ts'
import { type MeasuredUsage, measureUsage } from '../../shared/metering/measure-usage.ts'
import { meteredEvents } from '../../shared/metering/metered-events.ts'
import { microsOfInstant } from '../../shared/metering/timestamp.ts'
import { type Exact, ZERO } from '../../shared/money/decimal.ts'
import type { MatrixCell } from '../../shared/pricing/metered-usage.ts'
import { proratedUsage } from '../../shared/pricing/unit-stack.ts'
import type { UsageMetric, UsageSlice } from '../usage/usage-question.ts'

/** A slice of usage with what it was asked for. */
export interface AnsweredSlice extends UsageSlice {
  /** Whether it was there before the period. */
  readonly carried: boolean
  /** The place of the window that was asked for; undefined where the whole period was. */
  readonly window: number | undefined
}

/** The time that is measured. */
export interface MeasuredTime {
  readonly period: BillingPeriod
  /** Whose days are counted where units are weighed by the days they were held. */
  readonly timeZone: string
  /** The windows that are priced by themselves; undefined where the period is priced as a whole. */
  readonly windows: readonly CutWindow[] | undefined
  /** Given for a period that still runs: what its windows to come cost without usage is not due yet. */
  readonly asOf: Temporal.Instant | undefined
}

type PortionUsage = Omit<ComponentUsage, keyof PortionName>

/**
 * What a component counted in a period, portion by portion. Portions without usage are left out, but not a whole with
 * windows: each of these may cost something without usage.
 */
export function measureComponent(
  component: UsageComponent,
  metric: UsageMetric,
  { slices, time }: { slices: readonly AnsweredSlice[]; time: MeasuredTime },
): ComponentUsage[] {
  const portions = new Map<string, { readonly name: PortionName; readonly slices: AnsweredSlice[] }>()
  const mayBeUnused = time.windows !== undefined && portionKeysOf(component).size === 0
  if (mayBeUnused) portions.set(portionKey(WHOLE), { name: WHOLE, slices: [] })
  for (const slice of slices) {
    const name = portionOf(component, slice.dimensions)
    portions.getOrInsertComputed(portionKey(name), () => ({ name, slices: [] })).slices.push(slice)
  }
  return [...portions.values()]
    .map((portion) => ({ ...portion.name, ...measurePortion(component, metric, { slices: portion.slices, time }) }))
    .filter(({ units, eventsCount }) => mayBeUnused || !units.isZero() || eventsCount > 0n)
}

function measurePortion(
  { modifiers }: UsageComponent,
  metric: UsageMetric,
  { slices, time }: { slices: readonly AnsweredSlice[]; time: MeasuredTime },
): PortionUsage {
  const { period, windows, asOf } = time
  if (windows !== undefined) return measureWindows(metric, slices, { windows, asOf })
  const window = {
    startMicros: microsOfInstant(period.start),
    endMicros: microsOfInstant(period.end),
    periodMicros: microsOfInstant(period.periodEnd) - microsOfInstant(period.periodStart),
  }
  if (modifiers?.prorated === true) return measureHeld(metric, usageOf(slices), time)
  const dimensions = modifiers?.matrix?.dimensions
  if (dimensions === undefined) return measureSlices(metric, slices, window)
  const byCell = Map.groupBy(slices, (slice) => JSON.stringify(dimensions.map((key) => slice.dimensions[key] ?? null)))
  const cells = [...byCell].map(([values, ofCell]) => ({
    values: JSON.parse(values) as MatrixCell['values'],
    ...measureSlices(metric, ofCell, window),
  }))
  return { ...totalOf(cells), cells }
}

function measureWindows(
  metric: UsageMetric,
  slices: readonly AnsweredSlice[],
  { windows, asOf }: { windows: readonly CutWindow[]; asOf: Temporal.Instant | undefined },
): PortionUsage {
  // As a mean over a period is one over all of it, however little the subscription has of it.
  const ranges = windows.map(
    ({ start, end, whole }): UsageWindow => ({
      startMicros: microsOfInstant(start),
      endMicros: microsOfInstant(end),
      periodMicros: microsOfInstant(whole.end) - microsOfInstant(whole.start),
    }),
  )
  const byWindow = Map.groupBy(slices, (slice) => slice.window ?? windowAt(ranges, slice))
  const startsLater = ({ startMicros }: UsageWindow) => asOf !== undefined && startMicros > microsOfInstant(asOf)
  const measured = ranges.flatMap((range, place) => {
    const ofWindow = byWindow.get(place)
    return ofWindow === undefined && startsLater(range) ? [] : [measureSlices(metric, ofWindow ?? [], range)]
  })
  return { ...totalOf(measured), windows: measured }
}

// Windows leave no gap, so it is the last that starts before the event.
function windowAt(ranges: readonly UsageWindow[], { events }: AnsweredSlice): number {
  const at = events[0]?.timestampMicros ?? 0
  let [low, high] = [0, ranges.length]
  while (low + 1 < high) {
    const middle = (low + high) >> 1
    if ((ranges[middle]?.startMicros ?? 0) <= at) low = middle
    else high = middle
  }
  return low
}

function measureSlices(metric: UsageMetric, slices: readonly AnsweredSlice[], window: UsageWindow): PortionUsage {
  const usage = usageOf(slices)
  const measured = measureUsage(metric, usage, window)
  if (usage.events.length === 0) return { ...measured, events: [] }
  return { ...measured, events: meteredEvents(metric.aggregation, usage.events, window.startMicros) }
}

function usageOf(slices: readonly AnsweredSlice[]): MeasuredUsage {
  const partsOf = (carried: boolean) => slices.filter((slice) => slice.carried === carried).map(({ part }) => part)
  // What names the subscription and what does not come from two questions.
  const events = slices
    .filter((slice) => slice.events.length > 0)
    .sort(byArrival)
    .flatMap((slice) => slice.events)
  const counts = slices.flatMap(({ distinct }) => (distinct === undefined ? [] : [distinct.present]))
  const distinct = counts.length === 0 ? undefined : counts.reduce((sum, count) => sum + count)
  return { parts: partsOf(false), carried: partsOf(true), events, distinct }
}

function measureHeld(metric: UsageMetric, usage: MeasuredUsage, held: MeasuredTime): PortionUsage {
  const stack = heldUnits(metric.aggregation, usage, held)
  const eventsCount = usage.parts.reduce((count, part) => count + part.eventsCount, 0n)
  return { eventsCount, ...proratedUsage(stack, eventsCount) }
}

// A slice of events holds one.
function byArrival(one: AnsweredSlice, other: AnsweredSlice): number {
  const [first, second] = [one.part.latest, other.part.latest]
  if (first === null || second === null) return 0
  return first.atMicros - second.atMicros || Number(first.arrival - second.arrival)
}

function totalOf(parts: readonly { readonly units: Exact; readonly eventsCount: bigint }[]) {
  return {
    units: parts.reduce((sum, part) => sum.plus(part.units), ZERO),
    eventsCount: parts.reduce((sum, part) => sum + part.eventsCount, 0n),
  }
}
