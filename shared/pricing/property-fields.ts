import { type Issue, MAX_ISSUES } from '../errors.ts'
import { decimalOf, decimalText, isJsonObject } from '../json/exact-json.ts'
import type { Exact } from '../money/decimal.ts'
import { MAX_DECIMAL_DIGITS, ZERO } from '../money/decimal.ts'

export type Location = Issue['loc']

/** What reading properties gives: their canonical form, or every reason why they are refused. */
export type Parsed<P> = { readonly properties: P } | { readonly issues: readonly Issue[] }

/**
 * The fields of one JSON object under reading. Faults are collected in `issues`, and a faulty field reads as a
 * harmless value, so that one answer names them all.
 */
export interface PropertyFields {
  readonly values: Readonly<Record<string, unknown>>
  readonly loc: Location
  readonly issues: Issue[]
}

/**
 * Opens an object of which only the named properties are known. Where there is no object, that is the one fault noted
 * in `issues`; those of its absent fields go nowhere.
 */
export function openFields(value: unknown, loc: Location, issues: Issue[], names: readonly string[]): PropertyFields {
  if (!isJsonObject(value)) {
    issues.push({ loc, msg: 'must be an object', type: 'dict_type' })
    return { values: {}, loc, issues: [] }
  }
  const unknown = Object.keys(value).filter((key) => !names.includes(key))
  // No answer names more.
  for (const name of unknown.slice(0, MAX_ISSUES)) {
    issues.push({
      loc: [...loc, name],
      msg: `is not a property here; known are ${names.join(', ')}`,
      type: 'extra_forbidden',
    })
  }
  return { values: value, loc, issues }
}

/** Notes what is wrong with one field. */
export function refuse({ issues, loc }: PropertyFields, name: string, type: string, msg: string): void {
  issues.push({ loc: [...loc, name], msg, type })
}

/** What the reading of an object came to; `build` runs only when nothing was refused. */
export function parsed<P>(issues: readonly Issue[], build: () => P): Parsed<P> {
  return issues.length > 0 ? { issues } : { properties: build() }
}

/** A decimal of at least zero that must be given: a price, a bound. */
export function requireDecimal(fields: PropertyFields, name: string): Exact {
  if (fields.values[name] === undefined) refuse(fields, name, 'missing', 'is required')
  return findDecimal(fields, name) ?? ZERO
}

/** A decimal of at least zero; undefined when absent, null or refused. */
export function findDecimal(fields: PropertyFields, name: string): Exact | undefined {
  const value = fields.values[name]
  if (value === undefined) return undefined
  const number = decimalOf(value)
  if (number === undefined) {
    refuse(fields, name, ...faultOf(value))
  } else if (number.lessThan(0)) {
    refuse(fields, name, 'greater_than_equal', 'must not be negative')
  } else {
    return number
  }
  return undefined
}

/** A decimal that may be left out or null, which both mean zero. */
export function optionalDecimal(fields: PropertyFields, name: string): Exact {
  return fields.values[name] === null ? ZERO : (findDecimal(fields, name) ?? ZERO)
}

/** Refuses a number that is not whole. */
export function checkWhole(fields: PropertyFields, name: string, number: Exact): void {
  if (!number.isInteger()) refuse(fields, name, 'int_from_float', 'must be a whole number')
}

/** The canonical text of a decimal: plain digits, no exponent, no needless zeros. */
export function canonical(number: Exact): string {
  return number.toFixed()
}

const DECIMAL_SHAPE = /^[+-]?(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?$/i

function faultOf(value: unknown): [type: string, msg: string] {
  const text = decimalText(value)
  if (text === undefined) return ['decimal_type', 'must be a decimal, as text or as a number']
  if (/^[+-]?(nan|inf(inity)?)$/i.test(text)) return ['finite_number', 'must be a finite number']
  // What has the shape of a decimal and was still not accepted is too long.
  return DECIMAL_SHAPE.test(text)
    ? ['decimal_max_digits', `must have at most ${MAX_DECIMAL_DIGITS} digits before and after the point`]
    : ['decimal_parsing', 'must be a decimal such as "0.05"']
}
