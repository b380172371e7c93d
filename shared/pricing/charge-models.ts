import type { Issue } from '../errors.ts'
import { assert } from '../errors.ts'
import { Exact } from '../money/decimal.ts'
import type { CustomProperties } from './custom.ts'
import { customNeedsEvents, parseCustomProperties, priceCustom } from './custom.ts'
import type { DynamicProperties } from './dynamic.ts'
import { parseDynamicProperties, priceDynamic } from './dynamic.ts'
import type { GraduatedProperties } from './graduated.ts'
import { parseGraduatedProperties, priceGraduated } from './graduated.ts'
import type { GraduatedPercentageProperties } from './graduated-percentage.ts'
import { parseGraduatedPercentageProperties, priceGraduatedPercentage } from './graduated-percentage.ts'
import type { MeteredUsage } from './metered-usage.ts'
import type { PackageProperties } from './package.ts'
import { parsePackageProperties, pricePackage } from './package.ts'
import { percentageNeedsEvents, pricePercentage } from './percentage.ts'
import type { PercentageProperties } from './percentage-properties.ts'
import { parsePercentageProperties } from './percentage-properties.ts'
import type { Pricing, Quantity } from './pricing.ts'
import type { Location, Parsed } from './property-fields.ts'
import type { StandardProperties } from './standard.ts'
import { parseStandardProperties, priceStandard } from './standard.ts'
import type { VolumeProperties } from './volume.ts'
import { parseVolumeProperties, priceVolume } from './volume.ts'

/** Every charge model by its name in requests. */
export const CHARGE_MODELS = [
  'standard',
  'graduated',
  'volume',
  'package',
  'percentage',
  'graduated_percentage',
  'custom',
  'dynamic',
] as const

export type ChargeModel = (typeof CHARGE_MODELS)[number]

/** The canonical properties of each model; a new model starts here. */
interface PropertiesOf {
  readonly standard: StandardProperties
  readonly graduated: GraduatedProperties
  readonly volume: VolumeProperties
  readonly package: PackageProperties
  readonly percentage: PercentageProperties
  readonly graduated_percentage: GraduatedPercentageProperties
  readonly custom: CustomProperties
  readonly dynamic: DynamicProperties
}

/**
 * What must be read before a price can be computed: the units of the period, which rollups hold whatever the number of
 * events; or its single events, which costs time and memory in proportion to their number.
 */
export type NeededUsage = 'units' | 'events'

interface ModelRules<P> {
  parse(value: unknown, loc: Location): Parsed<P>
  price(properties: P, quantity: Quantity): Pricing
  needs(properties: P): NeededUsage
  /** Whether units weighed by the days they were held have a price. */
  readonly prorates?: true
}

const units = (): NeededUsage => 'units'

const MODELS: { readonly [M in ChargeModel]: ModelRules<PropertiesOf[M]> } = {
  standard: { parse: parseStandardProperties, price: priceStandard, needs: units, prorates: true },
  graduated: { parse: parseGraduatedProperties, price: priceGraduated, needs: units, prorates: true },
  volume: { parse: parseVolumeProperties, price: priceVolume, needs: units, prorates: true },
  package: { parse: parsePackageProperties, price: pricePackage, needs: units },
  // A rate and a fixed amount follow from sums; free events and bounds per transaction do not.
  percentage: {
    parse: parsePercentageProperties,
    price: pricePercentage,
    needs: (properties) => (percentageNeedsEvents(properties) ? 'events' : 'units'),
  },
  graduated_percentage: { parse: parseGraduatedPercentageProperties, price: priceGraduatedPercentage, needs: units },
  // Only what sums, counts or compares single events reads them.
  custom: {
    parse: parseCustomProperties,
    price: priceCustom,
    needs: (properties) => (customNeedsEvents(properties) ? 'events' : 'units'),
  },
  // Rollups do not hold the amounts that come with events.
  dynamic: { parse: parseDynamicProperties, price: priceDynamic, needs: () => 'events' },
}

interface ChargeOf<M extends ChargeModel> {
  readonly model: M
  readonly properties: PropertiesOf[M]
}

/** A model with its canonical properties: all it takes to price a quantity. */
export type Charge = { [M in ChargeModel]: ChargeOf<M> }[ChargeModel]

export type ParsedCharge = { readonly charge: Charge } | { readonly issues: readonly Issue[] }

/**
 * Reads the properties of a charge as they came from a request or from the database. The canonical form of a
 * canonical form is itself. Each issue's `loc` is the full path: `loc` and the way inside the properties.
 */
export function parseCharge(model: ChargeModel, properties: unknown, loc: Location): ParsedCharge {
  const result = MODELS[model].parse(properties, loc)
  return 'issues' in result ? result : { charge: { model, properties: result.properties } as Charge }
}

/** Whether a charge of the model may be prorated: its units weighed by the days they were held. */
export function canProrate(model: ChargeModel): boolean {
  return MODELS[model].prorates === true
}

/** What must be read of the usage before `priceCharge` can price it. */
export function neededUsage<M extends ChargeModel>(charge: ChargeOf<M>): NeededUsage {
  return MODELS[charge.model].needs(charge.properties)
}

/**
 * The price of what was used, exact and unrounded, in major units. This is the one way to a price, and the place where
 * units below zero become zero: a price line never turns into a credit. `currency` is that of amounts sent with events.
 */
export function priceCharge<M extends ChargeModel>(
  charge: ChargeOf<M>,
  { units, fullUnits = units, eventsCount = 0n, events, stack }: MeteredUsage,
  currency: string,
): Pricing {
  assert(stack === undefined || canProrate(charge.model), `a ${charge.model} charge was asked to weigh units by time`)
  const held = { units: Exact.max(units, 0), fullUnits: Exact.max(fullUnits, 0) }
  const quantity = { ...held, eventsCount, events, stack, currency }
  return MODELS[charge.model].price(charge.properties, quantity)
}
