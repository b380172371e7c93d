import { isRawNumber } from '../json/exact-json.ts'

const FIELD_NAME = /^(\$\.)?[^.\s$]+(\.[^.\s$]+)*$/

/** Whether the text can name a property: keys joined by points, with an optional leading `$.`. */
export function isFieldName(text: string): boolean {
  return FIELD_NAME.test(text)
}

/**
 * The value at `usage.input_tokens` or `$.usage.input_tokens`. A key that itself holds the points wins over the path.
 * Undefined when nothing stands there.
 */
export function propertyAt(properties: Readonly<Record<string, unknown>>, fieldName: string): unknown {
  const path = fieldName.startsWith('$.') ? fieldName.slice(2) : fieldName
  if (Object.hasOwn(properties, path)) return properties[path]
  let value: unknown = properties
  for (const key of path.split('.')) {
    if (typeof value !== 'object' || value === null || isRawNumber(value) || !Object.hasOwn(value, key))
      return undefined
    value = (value as Record<string, unknown>)[key]
  }
  return value
}
