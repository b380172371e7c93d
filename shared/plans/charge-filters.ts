import type { Issue } from '../errors.ts'
import { filterIssues, type WrittenCharge } from './check-charge.ts'
import type { ChargeFilterDefinition } from './plan-definition.ts'
import type { ChargeFilterRequest, FilterConditionRequest } from './plan-request.ts'

/** A property of a metric's events whose values prices may tell apart. */
export interface MetricFilter {
  readonly key: string
  readonly values: readonly string[]
}

interface FilterContext {
  /** The filters of the charge's metric, by id. */
  readonly known: ReadonlyMap<string, MetricFilter>
  readonly charge: WrittenCharge
  readonly loc: Issue['loc']
  readonly issues: Issue[]
}

/**
 * The filters of one charge. Every entry has prices for the charge's model; those of the charge where it has none. An
 * entry without values for a filter takes all that the filter knows. Two entries for the same usage are refused; entries may overlap otherwise. Filters
 * that do not exist are the caller's matter: here they match nothing.
 */
export function defineChargeFilters(
  entries: readonly ChargeFilterRequest[],
  context: FilterContext,
): readonly ChargeFilterDefinition[] {
  const seen = new Set<string>()
  return entries.map((entry, index) => {
    const loc = [...context.loc, index]
    checkConditions(entry.conditions, loc, context)
    const usage = usageOf(entry.conditions, context.known)
    if (seen.has(usage)) {
      context.issues.push({ loc, msg: 'an earlier filter of the charge is for the same usage', type: 'duplicate_item' })
    }
    seen.add(usage)
    return definitionOf(entry, loc, context)
  })
}

function definitionOf(
  { conditions, properties, displayName }: ChargeFilterRequest,
  loc: Issue['loc'],
  { charge, issues }: FilterContext,
): ChargeFilterDefinition {
  if (!isEmpty(properties)) issues.push(...filterIssues(properties, charge, [...loc, 'properties']))
  return {
    conditions: conditions.map(({ filterId, values }) => ({ filterId: filterId.toLowerCase(), values })),
    properties: properties as Record<string, unknown>,
    displayName,
  }
}

function isEmpty(properties: unknown): boolean {
  return typeof properties === 'object' && properties !== null && Object.keys(properties).length === 0
}

function checkConditions(
  conditions: readonly FilterConditionRequest[],
  loc: Issue['loc'],
  { known, issues }: FilterContext,
): void {
  const ids = conditions.map(({ filterId }) => filterId.toLowerCase())
  conditions.forEach(({ values }, position) => {
    // The first condition stands in the entry itself, the others in its list `and`.
    const place = position === 0 ? loc : [...loc, 'and', position - 1]
    const id = ids[position] ?? ''
    if (ids.indexOf(id) !== position) {
      const msg = 'the filter is named by an earlier condition of the same entry'
      issues.push({ loc: [...place, 'billable_metric_filter_id'], msg, type: 'duplicate_item' })
    }
    issues.push(...valueIssues(values, known.get(id), [...place, 'values']))
  })
}

function valueIssues(values: readonly string[], filter: MetricFilter | undefined, loc: Issue['loc']): Issue[] {
  return values.flatMap((value, index): Issue[] => {
    if (values.indexOf(value) !== index) {
      return [{ loc: [...loc, index], msg: `"${value}" is given twice`, type: 'duplicate_item' }]
    }
    if (filter === undefined || filter.values.includes(value)) return []
    const msg = `is no value of the filter "${filter.key}"; it knows ${filter.values.join(', ')}`
    return [{ loc: [...loc, index], msg, type: 'unknown_value' }]
  })
}

// The same for every way to write the same usage.
function usageOf(conditions: readonly FilterConditionRequest[], known: ReadonlyMap<string, MetricFilter>): string {
  const matched = conditions.map(({ filterId, values }) => {
    const id = filterId.toLowerCase()
    return [id, (values.length > 0 ? values : (known.get(id)?.values ?? [])).toSorted()] as const
  })
  return JSON.stringify(matched.toSorted(([one], [other]) => (one < other ? -1 : 1)))
}
