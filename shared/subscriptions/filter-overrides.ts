import type { Issue } from '../errors.ts'
import { filterIssues, groupKeysOf, type WrittenCharge } from '../plans/check-charge.ts'
import { uncountedKeys } from './counted-keys.ts'

export interface FilterOverrideRequest {
  /** That of the filter in the charge. */
  readonly id: string
  /** For the model of the charge, all of them; empty: those of the charge; undefined: the plan's. */
  readonly properties: Readonly<Record<string, unknown>> | undefined
  readonly displayName: string | null
}

/** What usage that matches a filter costs one subscription. Null: as in its plan. */
export interface FilterOverride {
  readonly id: string
  /** As they were written; empty: those that the charge has for the subscription. */
  readonly properties: Readonly<Record<string, unknown>> | null
  readonly displayName: string | null
}

interface OverriddenCharge {
  /** As the subscription has it. */
  readonly written: WrittenCharge
  readonly filters: readonly { readonly id: string }[]
  readonly dimensionKeys: readonly string[]
}

/** Checks prices of filters by the rules that those of a plan go by; every fault joins `issues`, with its place. */
export function defineFilterOverrides(
  requests: readonly FilterOverrideRequest[],
  charge: OverriddenCharge,
  { loc, issues }: { readonly loc: Issue['loc']; readonly issues: Issue[] },
): readonly FilterOverride[] {
  const seen = new Set<string>()
  return requests.map(({ id: writtenId, properties, displayName }, index) => {
    const id = writtenId.toLowerCase()
    const place = [...loc, index]
    if (!charge.filters.some((filter) => filter.id === id)) {
      issues.push({ loc: [...place, 'id'], msg: 'the charge has no filter with this id', type: 'unknown' })
    }
    if (seen.has(id)) issues.push({ loc: [...place, 'id'], msg: 'is given twice', type: 'duplicate' })
    seen.add(id)
    issues.push(...propertyIssues(properties ?? {}, charge, [...place, 'properties']))
    return { id, properties: properties ?? null, displayName }
  })
}

function propertyIssues(
  properties: Readonly<Record<string, unknown>>,
  { written, dimensionKeys }: OverriddenCharge,
  loc: Issue['loc'],
): Issue[] {
  if (Object.keys(properties).length === 0) return []
  const issues = filterIssues(properties, written, loc)
  if (issues.length > 0) return issues
  return uncountedKeys(groupKeysOf(properties), { dimensionKeys }, [...loc, 'pricing_group_keys'])
}
