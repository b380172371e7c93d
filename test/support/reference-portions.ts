import { type CountedEvent, type ReferenceEvent, textAt } from './reference-units.ts'
import type { DrawnCharge, DrawnFilter, SentProperties } from './sent-charge.ts'

/** A part of the usage of a charge that is priced by itself. */
export interface Portion {
  /** The place of the filter in the charge; null: what matches none. */
  readonly filter: number | null
  readonly groups: Readonly<Record<string, string | null>>
  readonly events: CountedEvent[]
}

// A filter without prices of its own has those of the charge.
export function propertiesFor({ filters, properties }: DrawnCharge, filter: number | null): SentProperties {
  const own = filter === null ? undefined : filters[filter]?.properties
  return own === undefined || Object.keys(own).length === 0 ? properties : own
}

/** By the filter with the most conditions that all match, and within it by group. */
export function portionsOf(drawn: DrawnCharge, events: readonly CountedEvent[]): Portion[] {
  const portions = new Map<string, Portion>()
  for (const event of events) {
    const filter = matchingFilter(drawn.filters, event)
    const keys = propertiesFor(drawn, filter)['pricing_group_keys'] ?? []
    const groups = Object.fromEntries((keys as string[]).map((key) => [key, textAt(event.properties, key)]))
    const name = JSON.stringify([filter, groups])
    const portion = portions.get(name) ?? { filter, groups, events: [] }
    portion.events.push(event)
    portions.set(name, portion)
  }
  return [...portions.values()]
}

function matchingFilter(filters: readonly DrawnFilter[], { properties }: ReferenceEvent): number | null {
  const matching = filters
    .map(({ conditions }, place) => ({ conditions, place }))
    .filter(({ conditions }) => conditions.every(({ key, values }) => values.includes(textAt(properties, key) ?? '')))
    .sort((one, other) => other.conditions.length - one.conditions.length || one.place - other.place)
  return matching[0]?.place ?? null
}

// Filters in their order, then the rest; groups by their values, those without one last.
export function byPlace(one: Portion, other: Portion): number {
  const values = ({ groups }: Portion) => Object.values(groups).map((value) => (value === null ? '1' : `0${value}`))
  const [left, right] = [values(one), values(other)]
  const differs = left.findIndex((value, index) => value !== right[index])
  return (
    (one.filter ?? Infinity) - (other.filter ?? Infinity) || ((left[differs] ?? '') < (right[differs] ?? '') ? -1 : 1)
  )
}
