import type { Issue } from '../errors.ts'
import { Exact } from '../money/decimal.ts'
import type { GraduatedProperties } from './graduated.ts'
import { parseGraduatedProperties, priceGraduated } from './graduated.ts'
import type { PackageProperties } from './package.ts'
import { parsePackageProperties, pricePackage } from './package.ts'
import type { Pricing, Quantity } from './pricing.ts'
import type { Location, Parsed } from './property-fields.ts'
import type { StandardProperties } from './standard.ts'
import { parseStandardProperties, priceStandard } from './standard.ts'
import type { VolumeProperties } from './volume.ts'
import { parseVolumeProperties, priceVolume } from './volume.ts'

/** Every name a charge model can have in a request; not all of them are priced yet. */
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

/** The canonical properties of each model that is priced; a new model starts here. */
interface PropertiesOf {
  readonly standard: StandardProperties
  readonly graduated: GraduatedProperties
  readonly volume: VolumeProperties
  readonly package: PackageProperties
}

export type PricedModel = keyof PropertiesOf

interface ModelRules<P> {
  parse(value: unknown, loc: Location): Parsed<P>
  price(properties: P, quantity: Quantity): Pricing
}

const MODELS: { readonly [M in PricedModel]: ModelRules<PropertiesOf[M]> } = {
  standard: { parse: parseStandardProperties, price: priceStandard },
  graduated: { parse: parseGraduatedProperties, price: priceGraduated },
  volume: { parse: parseVolumeProperties, price: priceVolume },
  package: { parse: parsePackageProperties, price: pricePackage },
}

export function isPricedModel(model: string): model is PricedModel {
  return Object.hasOwn(MODELS, model)
}

interface ChargeOf<M extends PricedModel> {
  readonly model: M
  readonly properties: PropertiesOf[M]
}

/** A model with its canonical properties: all it takes to price a quantity. */
export type Charge = { [M in PricedModel]: ChargeOf<M> }[PricedModel]

export type ParsedCharge = { readonly charge: Charge } | { readonly issues: readonly Issue[] }

/**
 * Reads the properties of a charge as they came from a request or from the database. The canonical form of a
 * canonical form is itself. Each issue's `loc` is the full path: `loc` and the way inside the properties.
 */
export function parseCharge(model: PricedModel, properties: unknown, loc: Location): ParsedCharge {
  const result = MODELS[model].parse(properties, loc)
  return 'issues' in result ? result : { charge: { model, properties: result.properties } as Charge }
}

/**
 * The price of a quantity, exact and unrounded, in major units. This is the one way to a price, and the place where
 * units below zero become zero: a price line never turns into a credit.
 */
export function priceCharge<M extends PricedModel>(charge: ChargeOf<M>, units: Exact, fullUnits = units): Pricing {
  const quantity = { units: Exact.max(units, 0), fullUnits: Exact.max(fullUnits, 0) }
  return MODELS[charge.model].price(charge.properties, quantity)
}
