import { type Fraction, fraction } from './fraction.ts'
import type { CountedEvent, PricedMetric } from './reference-units.ts'

export type SentProperties = Readonly<Record<string, unknown>>

/** A charge model with its properties as they are sent; amounts are decimal text in major units. */
export interface SentCharge {
  readonly model: string
  readonly properties: SentProperties
}

/** What is priced: never below zero. */
export interface PricedUsage {
  readonly units: Fraction
  readonly eventsCount: number
  readonly events: readonly Pick<CountedEvent, 'value' | 'cents'>[]
}

type Pair = readonly [string, string]

/** The modifiers of a charge as they are sent. */
export interface SentModifiers {
  readonly unit_conversion?: {
    readonly operation: 'multiply' | 'divide'
    readonly factor: string
  } & (
    | { readonly rounding_mode: null }
    | { readonly rounding_mode: 'round' | 'ceil' | 'floor'; readonly precision: number }
  )
  readonly free_units?: string
  readonly matrix?: {
    readonly dimensions: Pair
    readonly prices: readonly { readonly values: Pair; readonly amount: string }[]
  }
  readonly windows?: {
    readonly size: 'minute' | 'hour' | 'day' | 'week' | 'month'
    readonly commitment?: {
      readonly amount?: string
      readonly units?: string
      readonly overage_factor: string
      readonly true_up: boolean
    }
  }
  readonly prorated?: boolean
  readonly pricing_unit?: { readonly code: string; readonly conversion_rate: string }
  readonly percentage_discount?: string
  readonly max_amount_cents?: number
  readonly min_amount_cents?: number
}

/** A filter of a charge: properties and the values of each that match, with prices of its own or without. */
export interface DrawnFilter {
  readonly conditions: readonly { readonly key: string; readonly values: readonly string[] }[]
  readonly properties: SentProperties | undefined
}

/** A charge to be created, and all that its price depends on. */
export interface DrawnCharge extends SentCharge {
  readonly metric: PricedMetric
  readonly filters: readonly DrawnFilter[]
  readonly modifiers: SentModifiers
}

/** An amount of the properties; absent or null it is zero. */
export function amountIn(properties: SentProperties, name: string): Fraction {
  const written = properties[name] ?? '0'
  return fraction(written as string | number)
}
