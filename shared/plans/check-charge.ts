import type { Interval } from '../calendar/interval.ts'
import { MAX_PRICED_WINDOWS, mostWindowsOf, type WindowSize } from '../calendar/windows.ts'
import type { Issue } from '../errors.ts'
import type { AggregationName } from '../metering/aggregations.ts'
import { type ChargeModel, parseCharge } from '../pricing/charge-models.ts'
import type { GroupKeys } from '../pricing/group-keys.ts'
import { combinationIssues } from '../pricing/modifiers.ts'
import { parseModifiers } from './charge-modifiers.ts'
import { metricIssues } from './metric-issues.ts'

/** A charge as it was written, with what it prices. */
export interface WrittenCharge {
  readonly chargeModel: ChargeModel
  readonly properties: unknown
  readonly modifiers: Readonly<Record<string, unknown>>
  readonly hasFilters: boolean
  /** Undefined where there is none such: then the charge is checked by itself. */
  readonly metric: ChargedMetric | undefined
}

export interface ChargedMetric {
  readonly aggregation: AggregationName
  readonly recurring: boolean
}

/** Why the windows of a charge are too many for a period of the interval; `loc` is where the charge stands. */
export function windowIssues(
  modifiers: Readonly<Record<string, unknown>>,
  interval: Interval,
  loc: Issue['loc'],
): Issue[] {
  const { size } = (modifiers['windows'] ?? {}) as { readonly size?: WindowSize }
  if (size === undefined || mostWindowsOf(interval, size) <= MAX_PRICED_WINDOWS) return []
  const msg = `a period would have more than ${MAX_PRICED_WINDOWS} windows; take longer ones, or a shorter interval`
  return [{ loc: [...loc, 'windows', 'size'], msg, type: 'too_many_windows' }]
}

// Digits to round to say nothing without a way to round.
function conversionIssues(modifiers: Readonly<Record<string, unknown>>, loc: Issue['loc']): Issue[] {
  const { precision, rounding_mode } = (modifiers['unit_conversion'] ?? {}) as Readonly<Record<string, unknown>>
  if (precision === undefined || rounding_mode != null) return []
  const msg = 'is required where precision is given; leave out both for units that are not rounded'
  return [{ loc: [...loc, 'unit_conversion', 'rounding_mode'], msg, type: 'missing' }]
}

/** Every reason why a charge cannot be priced; `loc` is where it stands. */
export function chargeIssues(written: WrittenCharge, loc: Issue['loc']): Issue[] {
  const { chargeModel, properties, metric, hasFilters } = written
  const parsed = parseCharge(chargeModel, properties, [...loc, 'properties'])
  const read = parseModifiers(written.modifiers, loc)
  if ('issues' in parsed || 'issues' in read) {
    return [parsed, read].flatMap((result) => ('issues' in result ? result.issues : []))
  }
  const { charge } = parsed
  const modifiers = read.properties
  const issues = [...conversionIssues(written.modifiers, loc), ...combinationIssues(charge, modifiers, loc)]
  const isWhole = !hasFilters && groupKeysOf(charge.properties).length === 0
  if (modifiers.windows?.commitment !== undefined && !isWhole) {
    const msg = 'holds for a charge as a whole: it does not go with filters or pricing_group_keys'
    issues.push({ loc: [...loc, 'windows', 'commitment'], msg, type: 'not_combinable' })
  }
  return metric === undefined ? issues : [...issues, ...metricIssues(charge, modifiers, { metric, loc })]
}

/**
 * Every reason why properties cannot price a part of a charge's usage; `loc` is where they stand. What is wrong with the
 * charge itself is not told again.
 */
export function filterIssues(properties: unknown, charge: WrittenCharge, loc: Issue['loc']): Issue[] {
  const parsed = parseCharge(charge.chargeModel, properties, loc)
  if ('issues' in parsed) return [...parsed.issues]
  const ofCharge = new Set(chargeIssues(charge, []).map(nameOf))
  // The fields that such issues name are those of the charge.
  return chargeIssues({ ...charge, properties }, [])
    .filter((issue) => !ofCharge.has(nameOf(issue)))
    .map((issue) => ({ ...issue, loc, msg: `${nameOf(issue)} ${issue.msg}` }))
}

function nameOf({ loc }: Issue): string {
  return loc.join('.')
}

/** The event properties whose values checked properties price apart. */
export function groupKeysOf(properties: unknown): readonly string[] {
  return (properties as GroupKeys).pricing_group_keys ?? []
}

/** The two event properties of a checked matrix. */
export function matrixKeysOf(modifiers: Readonly<Record<string, unknown>>): readonly string[] {
  const matrix = modifiers['matrix'] as { dimensions: readonly string[] } | undefined
  return matrix?.dimensions ?? []
}
