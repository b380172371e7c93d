import type { BillingPeriod } from '../calendar/billing-period.ts'
import { windowsWithin } from '../calendar/windows.ts'
import type { ComponentUsage, UsageComponent } from '../invoicing/components.ts'
import { WHOLE } from '../invoicing/portions.ts'
import { decimal, type Exact, ZERO } from '../money/decimal.ts'
import type { MeteredEvent, MeteredUsage } from '../pricing/metered-usage.ts'
import { proratedUsage } from '../pricing/unit-stack.ts'

/** What a simulation says was used. */
export interface SimulatedQuantities {
  readonly timeZone: string
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
  period: BillingPeriod,
): ComponentUsage[] {
  const whole = quantityOf([component.id, component.metric.code], simulation)
  const ofFilters = (component.filters ?? []).map(({ id }) => ({
    filterId: id,
    quantity: quantityOf([id], simulation),
  }))
  return [...ofFilters, { filterId: null, quantity: whole }].flatMap(({ filterId, quantity }) =>
    quantity === undefined
      ? []
      : [{ ...WHOLE, filterId, ...shapedUsage(component, quantity, { period, timeZone: simulation.timeZone }) }],
  )
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
  { period, timeZone }: { period: BillingPeriod; timeZone: string },
): MeteredUsage & { readonly eventsCount: bigint } {
  const { units, eventsCount } = quantity
  if (modifiers.windows !== undefined) {
    const [, ...others] = windowsWithin(period, modifiers.windows.size, timeZone)
    return { ...quantity, windows: [quantity, ...others.map(() => ({ units: ZERO, events: [] }))] }
  }
  if (modifiers.matrix !== undefined) return { ...quantity, cells: [{ values: [null, null], units }] }
  if (modifiers.prorated !== true) return quantity
  const periodDays = decimal(String(period.periodDays))
  return { eventsCount, ...proratedUsage({ lots: [{ units, heldDays: periodDays }], periodDays }, eventsCount) }
}
