import type { Interval } from '../calendar/interval.ts'
import { assert, type Issue, validationError } from '../errors.ts'
import {
  type ChargedMetric,
  chargeIssues,
  groupKeysOf,
  matrixKeysOf,
  type WrittenCharge,
  windowIssues,
} from '../plans/check-charge.ts'
import type { ChargeModel } from '../pricing/charge-models.ts'
import { uncountedKeys } from './counted-keys.ts'
import { defineFilterOverrides, type FilterOverride, type FilterOverrideRequest } from './filter-overrides.ts'

/** Prices that one subscription has in place of its plan's; the shape of every field is checked already. */
export interface PriceOverridesRequest {
  /** The fixed fee in minor units; null: the plan's. */
  readonly amountMinor: bigint | null
  readonly charges: readonly ChargeOverrideRequest[]
}

export interface ChargeOverrideRequest {
  /** That of the charge in the plan. */
  readonly id: string
  /** For the model of the charge, all of them; undefined: the plan's. */
  readonly properties: Readonly<Record<string, unknown>> | undefined
  /** By field name; those left out are the plan's, null takes one away. */
  readonly modifiers: Readonly<Record<string, unknown>>
  readonly displayName: string | null
  /** Those left out are the plan's. */
  readonly filters: readonly FilterOverrideRequest[]
}

/** What a component costs one subscription. Null: as in its plan. */
export interface PriceOverride {
  readonly priceComponentId: string
  readonly amountMinor: bigint | null
  readonly properties: Readonly<Record<string, unknown>> | null
  /** All that hold, those of the plan included. */
  readonly modifiers: Readonly<Record<string, unknown>> | null
  readonly displayName: string | null
  /** Those that differ. */
  readonly filters: readonly FilterOverride[] | null
}

/** The version that is subscribed to. */
export interface OverridablePlan {
  readonly interval: Interval
  readonly components: readonly OverridableComponent[]
}

/** A component of the plan as it was written. */
export interface OverridableComponent {
  readonly id: string
  readonly kind: string
  readonly chargeModel: ChargeModel | null
  readonly filters: readonly { readonly id: string }[]
  /** Of a charge; null on a fee. */
  readonly metric: (ChargedMetric & { readonly dimensionKeys: readonly string[] }) | null
  readonly properties: Readonly<Record<string, unknown>>
  readonly modifiers: Readonly<Record<string, unknown>>
}

/** Checks prices by the rules that those of a plan go by. Throws `validation_error` naming every fault. */
export function definePriceOverrides(
  { amountMinor, charges }: PriceOverridesRequest,
  { components, interval }: OverridablePlan,
): readonly PriceOverride[] {
  const issues: Issue[] = []
  const seen = new Set<string>()
  const ofCharges = charges.flatMap((charge, index): PriceOverride[] => {
    const loc = ['body', 'price_overrides', 'charges', index]
    const id = charge.id.toLowerCase()
    const component = components.find((planned) => planned.id === id && planned.kind === 'usage')
    if (component === undefined) return refuse(issues, [...loc, 'id'], 'the plan has no charge with this id', 'unknown')
    if (seen.has(id)) return refuse(issues, [...loc, 'id'], 'is given twice', 'duplicate')
    seen.add(id)
    const override = chargeOverride(component, charge, loc, issues)
    issues.push(...windowIssues(override.modifiers ?? {}, interval, loc))
    return [override]
  })
  if (issues.length > 0) throw validationError(issues)
  const fee = components.find(({ kind }) => kind === 'rate')
  return fee === undefined || amountMinor === null
    ? ofCharges
    : [{ ...NOTHING, priceComponentId: fee.id, amountMinor }, ...ofCharges]
}

const NOTHING = { amountMinor: null, properties: null, modifiers: null, displayName: null, filters: null }

function refuse(issues: Issue[], loc: Issue['loc'], msg: string, type: string): [] {
  issues.push({ loc, msg, type })
  return []
}

function chargeOverride(
  component: OverridableComponent,
  { properties, modifiers: changed, displayName, filters }: ChargeOverrideRequest,
  loc: Issue['loc'],
  issues: Issue[],
): PriceOverride {
  const { id, chargeModel, metric } = component
  assert(chargeModel !== null && metric !== null, `the charge ${id} has no model or no metric`)
  const modifiers = changedModifiers(component.modifiers, changed)
  const written = { chargeModel, metric, modifiers, properties: properties ?? component.properties }
  const charge = { ...written, hasFilters: component.filters.length > 0 }
  issues.push(...faultsOf(charge, metric, loc))
  const overridden = { written: charge, filters: component.filters, dimensionKeys: metric.dimensionKeys }
  const ofFilters = defineFilterOverrides(filters, overridden, { loc: [...loc, 'filters'], issues })
  return {
    priceComponentId: id,
    amountMinor: null,
    properties: properties ?? null,
    modifiers: Object.keys(changed).length === 0 ? null : modifiers,
    displayName,
    filters: ofFilters.length === 0 ? null : ofFilters,
  }
}

function changedModifiers(
  planned: Readonly<Record<string, unknown>>,
  changed: Readonly<Record<string, unknown>>,
): Readonly<Record<string, unknown>> {
  return Object.fromEntries(Object.entries({ ...planned, ...changed }).filter(([, value]) => value !== null))
}

function faultsOf(
  charge: WrittenCharge,
  metric: { readonly dimensionKeys: readonly string[] },
  loc: Issue['loc'],
): Issue[] {
  const issues = chargeIssues(charge, loc)
  if (issues.length > 0) return issues
  return [
    ...uncountedKeys(groupKeysOf(charge.properties), metric, [...loc, 'properties', 'pricing_group_keys']),
    ...uncountedKeys(matrixKeysOf(charge.modifiers), metric, [...loc, 'matrix', 'dimensions']),
  ]
}
