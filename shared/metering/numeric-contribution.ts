import { decimalOf } from '../json/exact-json.ts'
import type { Contribution } from './aggregation.ts'

/** The number that was read: a JSON number or a text that is a decimal. */
export function numericContribution(value: unknown, field: string): Contribution {
  if (value === undefined || value === null) return { reason: 'value_missing', details: { field } }
  // Most numbers print as the plain decimal that they are read as.
  if (typeof value === 'number') {
    const text = String(value)
    if (PLAIN.test(text)) return { value: text }
  }
  const decimal = decimalOf(value)
  if (decimal === undefined) return { reason: 'value_not_a_number', details: { field, value: printable(value) } }
  return { value: decimal.toFixed() }
}

const PLAIN = /^-?\d{1,16}(?:\.\d{1,17})?$/

function printable(value: unknown): string {
  return (JSON.stringify(value) ?? 'undefined').slice(0, 200)
}
