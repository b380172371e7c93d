import type { AggregationName } from '../../shared/metering/aggregations.ts'

/** A metric, and what plain SQL says of the events that it reads: `p` holds the properties of one. */
export interface ReferenceMetric {
  readonly code: string
  readonly about: { readonly aggregation: AggregationName } & Readonly<Record<string, unknown>>
  /** Why an event cannot be used; null when it can. */
  readonly fault: string
  readonly value: string
  /** Over `usable`: value, p, at, place, carried; the bounds are those of `asked`. */
  readonly units: string
}

const FIELD_V = { fault: `pg_temp.fault_of(p -> 'v')`, value: `pg_temp.number_of(p -> 'v')` }
const FIELD_ITEM = {
  fault: `case when coalesce(p ->> 'item', '') = '' then 'value_missing' end`,
  value: `p ->> 'item'`,
}
const NUMBERS = { v: `pg_temp.expression_number(p -> 'v')`, w: `pg_temp.expression_number(p -> 'w')` }
const FAULT_V = `pg_temp.expression_fault(p -> 'v')`
const FAULT_V_W = `coalesce(${FAULT_V}, pg_temp.expression_fault(p -> 'w'))`

const DISTINCT = `(select count(*) from (select distinct on (value) p from usable order by value, at desc, place desc) last
  where p ->> 'operation_type' is distinct from 'remove')`
const LEVEL = `pg_temp.quotient(sum(value * extract(epoch from period_end - greatest(at, period_start))),
  extract(epoch from max(whole_end - whole_start)))`
const MEAN = `pg_temp.quotient(sum(value), count(*))`

/** Every aggregation, over a field and over an expression; codes with r_ carry over. They read events of the code `gauge`. */
export const METRICS: readonly ReferenceMetric[] = [
  { code: 'm_count', about: { aggregation: 'count' }, fault: 'null', value: '1', units: 'count(*)' },
  { code: 'm_sum', about: { aggregation: 'sum', field_name: 'v' }, ...FIELD_V, units: 'sum(value)' },
  { code: 'm_max', about: { aggregation: 'max', field_name: 'v' }, ...FIELD_V, units: 'max(value)' },
  { code: 'm_min', about: { aggregation: 'min', field_name: 'v' }, ...FIELD_V, units: 'min(value)' },
  { code: 'm_avg', about: { aggregation: 'avg', field_name: 'v' }, ...FIELD_V, units: MEAN },
  {
    code: 'm_least',
    about: { aggregation: 'min', expression: 'event.properties.v + 1000' },
    fault: FAULT_V,
    value: `${NUMBERS.v} + 1000`,
    units: 'min(value)',
  },
  {
    code: 'm_latest',
    about: { aggregation: 'latest', field_name: '$.v' },
    ...FIELD_V,
    units: '(array_agg(value order by at desc, place desc))[1]',
  },
  { code: 'm_level', about: { aggregation: 'weighted_sum', field_name: 'v' }, ...FIELD_V, units: LEVEL },
  { code: 'm_items', about: { aggregation: 'unique_count', field_name: 'item' }, ...FIELD_ITEM, units: DISTINCT },
  {
    code: 'm_p90',
    about: { aggregation: 'percentile', field_name: 'v', percentile: 90 },
    ...FIELD_V,
    units: 'percentile_disc(0.9) within group (order by value)',
  },
  {
    code: 'm_custom',
    about: {
      aggregation: 'custom',
      expression: 'sum(event.properties.v * event.properties.w) - largest(properties.v)',
    },
    fault: FAULT_V_W,
    value: `${NUMBERS.v} * ${NUMBERS.w}`,
    units: `sum(value) - max(${NUMBERS.v})`,
  },
  {
    code: 'm_ratio',
    about: { aggregation: 'sum', expression: 'event.properties.v / event.properties.w' },
    fault: `coalesce(${FAULT_V_W}, case when ${NUMBERS.w} = 0 then 'expression_failed' end)`,
    value: `round(pg_temp.quotient(${NUMBERS.v}, ${NUMBERS.w}), 30)`,
    units: 'sum(value)',
  },
  {
    code: 'm_joined',
    about: { aggregation: 'unique_count', expression: `concat(properties.item, '/', floor(properties.v))` },
    fault: `coalesce(case when p ->> 'item' is null then 'value_missing' end, ${FAULT_V})`,
    value: `(p ->> 'item') || '/' || trim_scale(floor(${NUMBERS.v}))`,
    units: DISTINCT,
  },
  {
    code: 'm_rounded',
    about: { aggregation: 'sum', field_name: 'v', rounding: { mode: 'ceil', precision: -1 } },
    ...FIELD_V,
    units: 'ceil(sum(value) / 10) * 10',
  },
  { code: 'r_sum', about: { aggregation: 'sum', field_name: 'v', recurring: true }, ...FIELD_V, units: 'sum(value)' },
  {
    code: 'r_level',
    about: { aggregation: 'weighted_sum', field_name: 'v', recurring: true },
    ...FIELD_V,
    units: LEVEL,
  },
  {
    code: 'r_items',
    about: { aggregation: 'unique_count', field_name: 'item', recurring: true },
    ...FIELD_ITEM,
    units: DISTINCT,
  },
  {
    code: 'r_custom',
    about: { aggregation: 'custom', expression: 'sum(properties.v) / events_count', recurring: true },
    fault: FAULT_V,
    value: NUMBERS.v,
    units: MEAN,
  },
]
