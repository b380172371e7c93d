/** The code of the events that every metric reads. */
export const EVENT_CODE = 'call'
/** The frozen time: the running month has been used almost to its end. */
export const NOW = '2026-03-31T20:00:00Z'
export const PERIOD = { start: '2026-03-01T00:00:00Z', end: '2026-04-01T00:00:00Z' } as const

/** A metric, and what it makes of a row of `bench_drawn`, in SQL. */
export interface BenchMetric {
  readonly code: string
  readonly about: Readonly<Record<string, unknown>>
  /** The charge that prices it; what is left out is a standard price. */
  readonly charge?: Readonly<Record<string, unknown>>
  readonly isGrouped: boolean
  /** What its rollups keep of an event beside that it was there. */
  readonly value: string
  readonly keeps: readonly ('max' | 'timeSum' | 'distinct')[]
  /** Its units in the period. */
  readonly units: string
}

const TOKENS = { value: 'tokens', isGrouped: false }
const USERS = { value: '1', keeps: ['distinct'], units: 'count(distinct account)' } as const

/** What the plan of the measured customers charges. */
export const METRICS: readonly BenchMetric[] = [
  { code: 'calls', about: { aggregation: 'count' }, isGrouped: false, value: '1', keeps: [], units: 'count(*)' },
  {
    code: 'tokens',
    about: { aggregation: 'sum', field_name: 'tokens' },
    ...TOKENS,
    isGrouped: true,
    keeps: [],
    units: 'sum(tokens)',
  },
  {
    code: 'peak',
    about: { aggregation: 'max', field_name: 'tokens' },
    ...TOKENS,
    keeps: ['max'],
    units: 'max(tokens)',
  },
  {
    code: 'level',
    about: { aggregation: 'weighted_sum', field_name: 'change' },
    isGrouped: false,
    value: 'change',
    keeps: ['timeSum'],
    units: `sum(change * extract(epoch from '${PERIOD.end}'::timestamptz - at))
      / extract(epoch from '${PERIOD.end}'::timestamptz - '${PERIOD.start}'::timestamptz)`,
  },
  { code: 'users', about: { aggregation: 'unique_count', field_name: 'account' }, isGrouped: false, ...USERS },
  { code: 'users_by_model', about: { aggregation: 'unique_count', field_name: 'account' }, isGrouped: true, ...USERS },
]

/** A charge that must read the events of the period, with a plan of its own. */
export interface RawCase {
  readonly code: string
  readonly about: Readonly<Record<string, unknown>>
  readonly charge?: Readonly<Record<string, unknown>>
}

export const RAW_CASES: readonly RawCase[] = [
  { code: 'percentile', about: { aggregation: 'percentile', field_name: 'tokens', percentile: 95 } },
  {
    code: 'custom',
    about: { aggregation: 'custom', expression: 'largest(properties.tokens) - sum(properties.tokens) / events_count' },
  },
  {
    code: 'percentage_with_free_events',
    about: { aggregation: 'sum', field_name: 'tokens' },
    charge: { charge_model: 'percentage', properties: { rate: '1', fixed_amount: '0.01', free_units_per_events: 3 } },
  },
]
