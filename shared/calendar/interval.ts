/** The intervals that have a name of their own; the names of the API. */
export type NamedInterval = 'weekly' | 'monthly' | 'quarterly' | 'yearly'

/** How often a plan bills: by name, or every so many units, such as `10 days`. */
export type Interval = NamedInterval | `${number} ${CadenceUnit}`

/** Whether periods follow the calendar (months from the 1st, weeks from Monday) or the day the subscription started. */
export type BillingTime = 'calendar' | 'anniversary'

export type CadenceUnit = 'days' | 'weeks' | 'months' | 'years'

/** The length of a period, `count` times `unit`: a quarter is three months. */
export interface Cadence {
  readonly count: number
  readonly unit: CadenceUnit
}

const CADENCES: Readonly<Record<NamedInterval, Cadence>> = {
  weekly: { count: 1, unit: 'weeks' },
  monthly: { count: 1, unit: 'months' },
  quarterly: { count: 3, unit: 'months' },
  yearly: { count: 1, unit: 'years' },
}

export const INTERVALS = Object.keys(CADENCES) as readonly NamedInterval[]

/** The most units a period may have. */
export const MAX_INTERVAL_COUNT = 366

export function cadenceOf(interval: Interval): Cadence {
  if (isNamed(interval)) return CADENCES[interval]
  const [count, unit] = interval.split(' ') as [string, CadenceUnit]
  return { count: Number(count), unit }
}

/**
 * The interval of a name, a count and a unit: `count` units where a unit is given, otherwise `count` times the named
 * interval. Without either it is the named one.
 */
export function intervalOf(
  name: NamedInterval,
  { count, unit }: { readonly count: number | null; readonly unit: CadenceUnit | null },
): Interval {
  if (unit !== null) return `${count ?? 1} ${unit}`
  if (count === null) return name
  const named = CADENCES[name]
  return `${count * named.count} ${named.unit}`
}

/** Whether the interval has a name of its own. */
export function isNamed(interval: Interval): interval is NamedInterval {
  return Object.hasOwn(CADENCES, interval)
}
