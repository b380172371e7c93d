import type { BillingPeriod } from '../calendar/billing-period.ts'
import { type WindowSize, windowsWithin } from '../calendar/windows.ts'
import type { ComponentUsage, UsageComponent } from '../invoicing/components.ts'
import { WHOLE } from '../invoicing/portions.ts'
import { decimal, type Exact, ZERO } from '../money/decimal.ts'
import type { MeteredEvent, MeteredUsage } from '../pricing/metered-usage.ts'
import type { ChargeModifiers } from '../pricing/modifiers.ts'
import { proratedUsage } from '../pricing/unit-stack.ts'

/** What a simulation says was used. */
export interface SimulatedQuantities {
  /** By the id of a component or of one of its filters, or by metric code; an id counts before a code. */
  readonly units: ReadonlyMap<string, Exact>
  /** Single events, by the same keys, for prices that depend on them; otherwise the units are those of one event. */
  readonly events: ReadonlyMap<string, readonly MeteredEvent[]>
}

/**
 * The usage of a component as a simulation gives it: of what matches no filter under the component's id or its metric's
 * code, of each filter under the filter's. Where windows are priced all of it falls into the first; where a matrix is,
 * it has none of its values; where units are held, they are held all period.
 */
export function simulatedUsage(
  component: UsageComponent,
  simulation: SimulatedQuantities,
  span: SimulatedSpan,
): ComponentUsage[] {
  const whole = quantityOf([component.id, component.metric.code], simulation)
  const ofFilters = (component.filters ?? []).map(({ id }) => ({
    filterId: id,
    quantity: quantityOf([id], simulation),
  }))
  return [...ofFilters, { filterId: null, quantity: whole }].flatMap(({ filterId, quantity }) =>
    quantity === undefined ? [] : [{ ...WHOLE, filterId, ...shapedUsage(component, quantity, span) }],
  )
}

/** The period that is simulated. */
export interface SimulatedSpan {
  readonly period: BillingPeriod
  /** How many windows it has of each size by which a component is priced. */
  readonly windowCounts: ReadonlyMap<WindowSize, number>
}

/** Counting windows takes time in proportion to their number: once is enough for many quantities. */
export function simulatedSpan(
  components: readonly { readonly modifiers?: ChargeModifiers }[],
  period: BillingPeriod,
  timeZone: string,
): SimulatedSpan {
  const sizes = new Set(components.flatMap(({ modifiers }) => modifiers?.windows?.size ?? []))
  const windowCounts = new Map([...sizes].map((size) => [size, windowsWithin(period, size, timeZone).length]))
  return { period, windowCounts }
}

interface SimulatedQuantity {
  readonly units: Exact
  readonly eventsCount: bigint
  readonly events: readonly MeteredEvent[]
}

function quantityOf(keys: readonly string[], { units, events }: SimulatedQuantities): SimulatedQuantity | undefined {
  const key = keys.find((one) => units.has(one) || events.has(one))
  if (key === undefined) return undefined
  const given = units.get(key)
  const listed = events.get(key) ?? (given === undefined || given.isZero() ? [] : [{ value: given }])
  return {
    units: given ?? listed.reduce((sum, { value }) => sum.plus(value), ZERO),
    eventsCount: BigInt(listed.length),
    events: listed,
  }
}

function shapedUsage(
  { modifiers = {} }: UsageComponent,
  quantity: SimulatedQuantity,
  { period, windowCounts }: SimulatedSpan,
): MeteredUsage & { readonly eventsCount: bigint } {
  const { units, eventsCount } = quantity
  if (modifiers.windows !== undefined) {
    const unusedWindows = (windowCounts.get(modifiers.windows.size) ?? 1) - 1
    return { ...quantity, windows: [quantity], unusedWindows }
  }
  if (modifiers.matrix !== undefined) return { ...quantity, cells: [{ values: [null, null], units }] }
  if (modifiers.prorated !== true) return quantity
  const periodDays = decimal(String(period.periodDays))
  return { eventsCount, ...proratedUsage({ lots: [{ units, heldDays: periodDays }], periodDays }, eventsCount) }
}
