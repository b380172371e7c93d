import type { BillingPeriod } from '../calendar/billing-period.ts'
import { ZERO } from '../money/decimal.ts'
import type { ComponentUsage, UsageComponent } from './components.ts'
import { portionKey, WHOLE } from './portions.ts'
import type { RatedLine } from './rated-line.ts'
import { usageLine } from './usage-line.ts'

/**
 * The lines of the portions of a charge: those of its filters in their order, then the rest, groups in the order of
 * their values. Each is priced by itself, so tiers, packages and free units begin anew in each; only the maximum is one
 * for all of them, and earlier lines use it up first. What was not used has a line where it costs something all the
 * same, and one line says that nothing was used at all.
 */
export function portionLines({
  component,
  portions,
  period,
  currency,
}: {
  component: UsageComponent
  portions: readonly ComponentUsage[]
  period: BillingPeriod
  currency: string
}): RatedLine[] {
  const unused = unusedPortions(component, portions).filter(
    (usage) => usageLine({ component, usage, period, currency }).amountMinor > 0n,
  )
  const billed = [...portions, ...unused].sort(byPlace(component))
  const lines: RatedLine[] = []
  let maximumLeft = component.modifiers?.maxAmountMinor
  for (const usage of billed.length === 0 ? [unusedPortion(null)] : billed) {
    const line = usageLine({ component: withMaximum(component, maximumLeft), usage, period, currency })
    if (maximumLeft !== undefined) maximumLeft -= line.amountMinor
    lines.push(line)
  }
  return lines
}

function unusedPortions(component: UsageComponent, used: readonly ComponentUsage[]): ComponentUsage[] {
  const seen = new Set(used.map(({ filterId }) => filterId))
  const ids = [...(component.filters ?? []).map(({ id }) => id), null]
  return ids.filter((id) => !seen.has(id)).map(unusedPortion)
}

function unusedPortion(filterId: string | null): ComponentUsage {
  return { ...WHOLE, filterId, units: ZERO, eventsCount: 0n, events: [], windows: [], cells: [] }
}

function withMaximum(component: UsageComponent, maximumMinor: bigint | undefined): UsageComponent {
  if (maximumMinor === undefined) return component
  return { ...component, modifiers: { ...component.modifiers, maxAmountMinor: maximumMinor } }
}

function byPlace({ filters = [] }: UsageComponent): (one: ComponentUsage, other: ComponentUsage) => number {
  const places = new Map<string | null, number>(filters.map(({ id }, place) => [id, place]))
  const placeOf = ({ filterId }: ComponentUsage): number => places.get(filterId) ?? filters.length
  return (one, other) => placeOf(one) - placeOf(other) || (portionKey(one) < portionKey(other) ? -1 : 1)
}
