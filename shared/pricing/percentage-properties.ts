import type { Issue } from '../errors.ts'
import type { GroupKeys } from './group-keys.ts'
import { findGroupKeys, GROUP_KEYS } from './group-keys.ts'
import type { Location, Parsed, PropertyFields } from './property-fields.ts'
import {
  canonical,
  checkWhole,
  findDecimal,
  openFields,
  optionalDecimal,
  parsed,
  refuse,
  requireDecimal,
} from './property-fields.ts'

/** The units are money: each costs `rate` percent of itself, each event a fixed amount besides. Decimal text. */
export interface PercentageProperties extends GroupKeys {
  readonly rate: string
  readonly fixed_amount: string
  /** How many first events are free; "0" is none. */
  readonly free_units_per_events: string
  /** How many first units are free; "0" is none. */
  readonly free_units_per_total_aggregation: string
  /** Bounds of what one event costs; null is no bound. */
  readonly per_transaction_min_amount: string | null
  readonly per_transaction_max_amount: string | null
}

export function parsePercentageProperties(value: unknown, loc: Location): Parsed<PercentageProperties> {
  const issues: Issue[] = []
  const fields = openFields(value, loc, issues, PROPERTY_NAMES)
  const rate = requireDecimal(fields, 'rate')
  const fixedAmount = optionalDecimal(fields, 'fixed_amount')
  const freeEvents = optionalDecimal(fields, 'free_units_per_events')
  checkWhole(fields, 'free_units_per_events', freeEvents)
  const freeUnits = optionalDecimal(fields, 'free_units_per_total_aggregation')
  const bounds = readBounds(fields)
  const groupKeys = findGroupKeys(fields)
  return parsed(issues, () => ({
    rate: canonical(rate),
    fixed_amount: canonical(fixedAmount),
    free_units_per_events: canonical(freeEvents),
    free_units_per_total_aggregation: canonical(freeUnits),
    ...bounds,
    ...groupKeys,
  }))
}

const PROPERTY_NAMES = [
  'rate',
  'fixed_amount',
  'free_units_per_events',
  'free_units_per_total_aggregation',
  'per_transaction_min_amount',
  'per_transaction_max_amount',
  GROUP_KEYS,
]

function readBounds(
  fields: PropertyFields,
): Pick<PercentageProperties, 'per_transaction_min_amount' | 'per_transaction_max_amount'> {
  const [min, max] = (['per_transaction_min_amount', 'per_transaction_max_amount'] as const).map((name) =>
    fields.values[name] === null ? undefined : findDecimal(fields, name),
  )
  if (min !== undefined && max?.lessThan(min)) {
    refuse(fields, 'per_transaction_max_amount', 'maximum_below_minimum', 'must not be below the minimum')
  }
  return {
    per_transaction_min_amount: min === undefined ? null : canonical(min),
    per_transaction_max_amount: max === undefined ? null : canonical(max),
  }
}

/** Whether what one event costs is bounded. */
export function isBounded({ per_transaction_min_amount, per_transaction_max_amount }: PercentageProperties): boolean {
  return per_transaction_min_amount !== null || per_transaction_max_amount !== null
}
