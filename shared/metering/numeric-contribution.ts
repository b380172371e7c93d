import { assert } from '../errors.ts'
import { decimalOf } from '../json/exact-json.ts'
import type { Contribution } from './aggregation.ts'
import { propertyAt } from './property.ts'
import type { UsageEvent } from './usage-event.ts'

/** The number in a field: a JSON number or a text that is a decimal. */
export function numericContribution(event: Pick<UsageEvent, 'properties'>, fieldName: string | null): Contribution {
  assert(fieldName !== null, 'a metric over a field has no field')
  const value = propertyAt(event.properties, fieldName)
  if (value === undefined || value === null) return { reason: 'value_missing', details: { field: fieldName } }
  if (typeof value === 'number' && Number.isSafeInteger(value)) return { value: String(value) }
  const decimal = decimalOf(value)
  if (decimal === undefined) {
    return { reason: 'value_not_a_number', details: { field: fieldName, value: printable(value) } }
  }
  return { value: decimal.toFixed() }
}

function printable(value: unknown): string {
  return (JSON.stringify(value) ?? 'undefined').slice(0, 200)
}
