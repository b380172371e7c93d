import type { PropertyFields } from './property-fields.ts'
import { refuse } from './property-fields.ts'

export const GROUP_KEYS = 'pricing_group_keys'

// Each multiplies the lines of an invoice, and the rollups of the metric.
const MAX_GROUP_KEYS = 20

/** Event properties whose values are priced apart from one another; every model accepts them. */
export interface GroupKeys {
  readonly pricing_group_keys?: readonly string[]
}

/** Reads the optional `pricing_group_keys`; the result is spread into the canonical properties. */
export function findGroupKeys(fields: PropertyFields): GroupKeys {
  const keys = fields.values[GROUP_KEYS]
  if (keys === undefined || keys === null) return {}
  if (!Array.isArray(keys)) {
    refuse(fields, GROUP_KEYS, 'list_type', 'must be a list of property names')
    return {}
  }
  if (keys.length > MAX_GROUP_KEYS) {
    refuse(fields, GROUP_KEYS, 'too_long', `must have at most ${MAX_GROUP_KEYS} property names`)
    return {}
  }
  keys.forEach((key, index) => checkKey(fields, key, index, keys))
  return { pricing_group_keys: keys as string[] }
}

function checkKey(fields: PropertyFields, key: unknown, index: number, keys: readonly unknown[]): void {
  const loc = [...fields.loc, GROUP_KEYS, index]
  if (typeof key !== 'string') {
    fields.issues.push({ loc, msg: 'must be the name of an event property', type: 'string_type' })
  } else if (key === '') {
    fields.issues.push({ loc, msg: 'must not be empty', type: 'string_too_short' })
  } else if (keys.indexOf(key) !== index) {
    fields.issues.push({ loc, msg: `"${key}" is given twice`, type: 'duplicate_item' })
  }
}
