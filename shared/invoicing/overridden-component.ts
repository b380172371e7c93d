import { assert } from '../errors.ts'
import { parseModifiers } from '../plans/charge-modifiers.ts'
import { parseCharge } from '../pricing/charge-models.ts'
import type { ChargeModifiers } from '../pricing/modifiers.ts'
import type { PriceOverride } from '../subscriptions/price-overrides.ts'
import type { RateComponent, UsageComponent } from './components.ts'

/** A component as one subscription has it. What the database holds was checked when it was written. */
export function overriddenComponent(
  component: RateComponent | UsageComponent,
  override: PriceOverride,
): RateComponent | UsageComponent {
  if (component.kind === 'rate') return { ...component, amountMinor: override.amountMinor ?? component.amountMinor }
  const charge = chargeOf(component, override)
  return {
    ...component,
    displayName: override.displayName ?? component.displayName,
    charge,
    filters: (component.filters ?? []).map((filter) =>
      // One without prices of its own has those of the charge.
      filter.charge === component.charge ? { ...filter, charge } : filter,
    ),
    ...(override.modifiers === null ? {} : { modifiers: modifiersOf(component, override.modifiers) }),
  }
}

function chargeOf({ id, charge }: UsageComponent, { properties }: PriceOverride): UsageComponent['charge'] {
  if (properties === null) return charge
  const parsed = parseCharge(charge.model, properties, [])
  assert('charge' in parsed, `the overridden properties of component ${id} cannot be priced`)
  return parsed.charge
}

function modifiersOf({ id }: UsageComponent, modifiers: Readonly<Record<string, unknown>>): ChargeModifiers {
  const parsed = parseModifiers(modifiers, [])
  assert('properties' in parsed, `the overridden modifiers of component ${id} cannot be applied`)
  return parsed.properties
}
