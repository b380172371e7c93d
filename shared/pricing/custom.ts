import type { Issue } from '../errors.ts'
import { AppError, assert } from '../errors.ts'
import { evaluateNumber } from '../expressions/evaluate-expression.ts'
import type { Expression } from '../expressions/expression.ts'
import { readsEvents } from '../expressions/expression.ts'
import type { Vocabulary } from '../expressions/parse-expression.ts'
import { parseExpression } from '../expressions/parse-expression.ts'
import { isJsonObject } from '../json/exact-json.ts'
import { decimal, Exact, MAX_DECIMAL_DIGITS, ZERO } from '../money/decimal.ts'
import type { GroupKeys } from './group-keys.ts'
import { findGroupKeys, GROUP_KEYS } from './group-keys.ts'
import type { Pricing, Quantity } from './pricing.ts'
import { pricingOf, pricingStep, requireEvents } from './pricing.ts'
import type { Location, Parsed, PropertyFields } from './property-fields.ts'
import { canonical, findDecimal, openFields, parsed, refuse } from './property-fields.ts'

/** One of three prices; amounts are decimal text in major units. */
export type CustomProperties = GroupKeys & {
  /** Constants of whoever defines the price, for its expression to read. */
  readonly custom_properties?: Readonly<Record<string, unknown>>
} & ({ readonly expression: string } | { readonly fixed_amount: string } | { readonly per_unit_amount: string })

/** What an expression may speak of; `value` and `properties` are those of one event. */
const VOCABULARY: Vocabulary = {
  names: ['units', 'events_count'],
  objects: ['custom_properties'],
  ofEvents: { names: ['value'], objects: ['properties'] },
}

const PRICES = ['expression', 'fixed_amount', 'per_unit_amount'] as const

/**
 * The value of the expression; or the fixed amount, due with or without usage; or units × per-unit amount. A value
 * below zero is priced as none.
 */
export function priceCustom(properties: CustomProperties, quantity: Quantity): Pricing {
  const { units, fullUnits } = quantity
  const perUnitAmount = 'per_unit_amount' in properties ? decimal(properties.per_unit_amount) : ZERO
  const flatAmount = flatAmountOf(properties, quantity)
  return pricingOf(units, fullUnits, [
    pricingStep({ fromValue: ZERO, toValue: null, units, perUnitAmount, flatAmount }),
  ])
}

/** Whether the expression reads single events. */
export function customNeedsEvents(properties: CustomProperties): boolean {
  return 'expression' in properties && readsEvents(requireExpression(properties.expression))
}

export function parseCustomProperties(value: unknown, loc: Location): Parsed<CustomProperties> {
  const issues: Issue[] = []
  const fields = openFields(value, loc, issues, [...PRICES, 'custom_properties', GROUP_KEYS])
  const price = readPrice(fields)
  const constants = findConstants(fields)
  const groupKeys = findGroupKeys(fields)
  return parsed(issues, () => ({ ...price, ...constants, ...groupKeys }))
}

function flatAmountOf(properties: CustomProperties, quantity: Quantity): Exact {
  if ('fixed_amount' in properties) return decimal(properties.fixed_amount)
  if (!('expression' in properties)) return ZERO
  const expression = requireExpression(properties.expression)
  const value = evaluateNumber(expression, {
    names: { units: quantity.units, events_count: decimal(quantity.eventsCount) },
    objects: { custom_properties: properties.custom_properties ?? {} },
    events: readsEvents(expression) ? requireEvents(quantity).map(scopeOf) : [],
  })
  if (value.e >= MAX_DECIMAL_DIGITS) {
    const msg = 'the expression of a custom price came to more than an invoice can hold; correct it, or the units'
    throw new AppError('price_too_large', msg)
  }
  return Exact.max(value, 0)
}

function scopeOf({ value, properties = {} }: { value: Exact; properties?: Readonly<Record<string, unknown>> }) {
  return { names: { value }, objects: { properties } }
}

function requireExpression(text: string): Expression {
  const result = parseExpression(text, VOCABULARY)
  assert('expression' in result, 'the expression of a custom price cannot be read any more')
  return result.expression
}

function readPrice(fields: PropertyFields): CustomProperties {
  const given = PRICES.filter((name) => fields.values[name] !== undefined && fields.values[name] !== null)
  const [name = 'expression', second] = given
  if (given.length === 0) refuse(fields, name, 'missing', `is required; or one of ${PRICES.slice(1).join(', ')}`)
  if (second !== undefined) refuse(fields, second, 'extra_forbidden', `is a second price; ${name} is given already`)
  if (name === 'expression') return { expression: given.length === 0 ? '' : readExpression(fields) }
  const amount = canonical(findDecimal(fields, name) ?? ZERO)
  return name === 'fixed_amount' ? { fixed_amount: amount } : { per_unit_amount: amount }
}

function readExpression(fields: PropertyFields): string {
  const text = fields.values['expression']
  if (typeof text !== 'string') {
    refuse(fields, 'expression', 'string_type', 'must be text such as "units * 0.02"')
    return ''
  }
  const result = parseExpression(text, VOCABULARY)
  if ('fault' in result) refuse(fields, 'expression', result.fault.type, result.fault.msg)
  return text
}

function findConstants(fields: PropertyFields): Pick<CustomProperties, 'custom_properties'> {
  const constants = fields.values['custom_properties']
  if (constants === undefined || constants === null) return {}
  if (isJsonObject(constants)) return { custom_properties: constants }
  refuse(fields, 'custom_properties', 'dict_type', 'must be an object')
  return {}
}
