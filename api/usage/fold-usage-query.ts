const LISTS: ReadonlySet<string> = new Set(['external_customer_id', 'external_subscription_id', 'group_by'])
const FILTER = /^filter\[(.+)\]$/s

/** A query as it is checked: `filter[model]=large` becomes an object, and one value of a list a list of one. */
export function foldUsageQuery(query: Readonly<Record<string, unknown>>): Record<string, unknown> {
  const filters: [string, unknown][] = []
  const fields: [string, unknown][] = []
  for (const [name, value] of Object.entries(query)) {
    const property = FILTER.exec(name)?.[1]
    if (property !== undefined) filters.push([property, listOf(value)])
    else fields.push([name, LISTS.has(name) ? listOf(value) : value])
  }
  return { ...Object.fromEntries(fields), ...(filters.length === 0 ? {} : { filter: Object.fromEntries(filters) }) }
}

function listOf(value: unknown): unknown[] {
  return Array.isArray(value) ? value : [value]
}
