import { assert } from '../errors.ts'
import { parseModifiers } from '../plans/charge-modifiers.ts'
import { type Charge, parseCharge } from '../pricing/charge-models.ts'
import type { ChargeModifiers } from '../pricing/modifiers.ts'
import type { FilterOverride } from '../subscriptions/filter-overrides.ts'
import type { PriceOverride } from '../subscriptions/price-overrides.ts'
import type { FilteredCharge, RateComponent, UsageComponent } from './components.ts'

/** A component as one subscription has it. What the database holds was checked when it was written. */
export function overriddenComponent(
  component: RateComponent | UsageComponent,
  override: PriceOverride,
): RateComponent | UsageComponent {
  if (component.kind === 'rate') return { ...component, amountMinor: override.amountMinor ?? component.amountMinor }
  const { charge } = component
  const overridden = override.properties === null ? charge : parsedCharge(component, override.properties)
  return {
    ...component,
    displayName: override.displayName || component.displayName,
    charge: overridden,
    filters: (component.filters ?? []).map((planned) => {
      // One without prices of its own has those of the charge.
      const filter = planned.charge === charge ? { ...planned, charge: overridden } : planned
      const ofFilter = override.filters?.find(({ id }) => id === filter.id)
      return ofFilter === undefined ? filter : overriddenFilter(filter, ofFilter, overridden)
    }),
    ...(override.modifiers === null ? {} : { modifiers: modifiersOf(component, override.modifiers) }),
  }
}

function overriddenFilter(
  filter: FilteredCharge,
  { properties, displayName }: FilterOverride,
  ofComponent: Charge,
): FilteredCharge {
  const named = { ...filter, displayName: displayName || filter.displayName }
  if (properties === null) return named
  const isEmpty = Object.keys(properties).length === 0
  return { ...named, charge: isEmpty ? ofComponent : parsedCharge(filter, properties) }
}

function parsedCharge(
  { id, charge }: Pick<FilteredCharge, 'id' | 'charge'>,
  properties: Readonly<Record<string, unknown>>,
): Charge {
  const parsed = parseCharge(charge.model, properties, [])
  assert('charge' in parsed, `the overridden properties of component or filter ${id} cannot be priced`)
  return parsed.charge
}

function modifiersOf({ id }: UsageComponent, modifiers: Readonly<Record<string, unknown>>): ChargeModifiers {
  const parsed = parseModifiers(modifiers, [])
  assert('properties' in parsed, `the overridden modifiers of component ${id} cannot be applied`)
  return parsed.properties
}
