import type { Issue } from '../errors.ts'
import type { AggregationName } from '../metering/aggregations.ts'
import { type Charge, neededUsage } from '../pricing/charge-models.ts'
import type { ChargeModifiers } from '../pricing/modifiers.ts'
import type { Location } from '../pricing/property-fields.ts'

// What single events add to units that are their sum.
const ADDITIVE: ReadonlySet<AggregationName> = new Set(['count', 'sum', 'unique_count'])
const HELD: ReadonlySet<AggregationName> = new Set(['sum', 'unique_count'])

/** Every reason why a charge does not go with the metric that it prices; `loc` is where the charge stands. */
export function metricIssues(
  charge: Charge,
  modifiers: ChargeModifiers,
  { metric, loc }: { metric: { readonly aggregation: AggregationName; readonly recurring: boolean }; loc: Location },
): Issue[] {
  const issues: Issue[] = []
  const refuse = (name: string, msg: string): void => {
    issues.push({ loc: [...loc, name], msg, type: 'metric_unsupported' })
  }
  if (charge.model !== 'custom' && neededUsage(charge) === 'events' && !ADDITIVE.has(metric.aggregation)) {
    refuse(
      'charge_model',
      `prices single events, which a metric of the aggregation ${metric.aggregation} does not add up`,
    )
  }
  if (modifiers.prorated === true && !(metric.recurring && HELD.has(metric.aggregation))) {
    refuse('prorated', 'goes with a recurring metric of the aggregation sum or unique_count only')
  }
  if (modifiers.windows !== undefined && metric.recurring) {
    refuse('windows', 'does not go with a recurring metric, whose usage is held from period to period')
  }
  return issues
}
