import type { Charge } from '../pricing/charge-models.ts'
import type { FilteredCharge, PortionName, UsageComponent } from './components.ts'

/** The portion of a charge that matches no filter and is not grouped. */
export const WHOLE: PortionName = { filterId: null, groupedBy: {} }

/**
 * The portion that usage with these property values belongs to: that of the filter with the most conditions, all of
 * which match, the earlier one of two; within it, that of the values of its group keys.
 */
export function portionOf(component: UsageComponent, dimensions: Readonly<Record<string, string>>): PortionName {
  const filter = matchingFilter(component.filters ?? [], dimensions)
  const keys = groupKeysOf(filter?.charge ?? component.charge)
  if (filter === undefined && keys.length === 0) return WHOLE
  return {
    filterId: filter?.id ?? null,
    groupedBy: Object.fromEntries(keys.map((key) => [key, dimensions[key] ?? null])),
  }
}

/** A text that is the same for the same portion of one component. */
export function portionKey({ filterId, groupedBy }: PortionName): string {
  return JSON.stringify([filterId, Object.entries(groupedBy)])
}

/** The same in whatever order the group keys come: those of a price come in its order, the database has its own. */
export function unorderedPortionKey({ filterId, groupedBy }: PortionName): string {
  const names = Object.keys(groupedBy).sort()
  return portionKey({ filterId, groupedBy: Object.fromEntries(names.map((name) => [name, groupedBy[name] ?? null])) })
}

/** The properties of events that decide to which portion of the component they belong. */
export function portionKeysOf({ charge, filters = [] }: UsageComponent): ReadonlySet<string> {
  return new Set([
    ...groupKeysOf(charge),
    ...filters.flatMap((filter) => [...filter.conditions.map(({ key }) => key), ...groupKeysOf(filter.charge)]),
  ])
}

/** The values of a portion after the name of what they belong to, such as `Tokens (region: eu, model: large)`. */
export function describePortion(component: UsageComponent, { filterId, groupedBy }: PortionName): string {
  const filter = component.filters?.find(({ id }) => id === filterId)
  const name = filter === undefined ? component.displayName : filterName(component, filter)
  const values = Object.entries(groupedBy).map(([key, value]) => `${key}: ${value ?? 'none'}`)
  return values.length === 0 ? name : `${name} (${values.join(', ')})`
}

function filterName({ displayName }: UsageComponent, filter: FilteredCharge): string {
  return filter.displayName || `${displayName} (${filter.conditionText})`
}

function matchingFilter(
  filters: readonly FilteredCharge[],
  dimensions: Readonly<Record<string, string>>,
): FilteredCharge | undefined {
  let best: FilteredCharge | undefined
  for (const filter of filters) {
    if (best !== undefined && filter.conditions.length <= best.conditions.length) continue
    const matches = filter.conditions.every(({ key, values }) => {
      const value = dimensions[key]
      return value !== undefined && values.has(value)
    })
    if (matches) best = filter
  }
  return best
}

function groupKeysOf({ properties }: Charge): readonly string[] {
  return properties.pricing_group_keys ?? []
}
