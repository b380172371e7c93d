import type { CountedMetric } from './count-event.ts'
import { OPERATION } from './unique-count.ts'

const PROTOTYPE = '__proto__'

/**
 * The names of the properties that counting for the metrics may look at, the outermost of each path; undefined where they
 * may look at any.
 */
export function propertiesRead(metrics: readonly CountedMetric[]): ReadonlySet<string> | undefined {
  const names = new Set<string>()
  for (const { aggregation, expression, fieldName, dimensionKeys } of metrics) {
    if (expression !== null) return undefined
    for (const path of fieldName === null ? dimensionKeys : [fieldName, ...dimensionKeys]) addNames(names, path)
    if (aggregation === 'unique_count') names.add(OPERATION)
  }
  return names.has(PROTOTYPE) ? undefined : names
}

// A name that itself holds the points wins over the path, as `propertyAt` says.
function addNames(names: Set<string>, fieldName: string): void {
  const path = fieldName.startsWith('$.') ? fieldName.slice(2) : fieldName
  names.add(path)
  names.add(path.split('.', 1)[0] ?? path)
}
