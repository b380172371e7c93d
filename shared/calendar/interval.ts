/** How often a plan bills; the names of the API. */
export type Interval = 'weekly' | 'monthly' | 'quarterly' | 'yearly'

/** Whether periods follow the calendar (months from the 1st, weeks from Monday) or the day the subscription started. */
export type BillingTime = 'calendar' | 'anniversary'

/** The length of a period, `count` times `unit`: a quarter is three months. */
export interface Cadence {
  readonly count: number
  readonly unit: 'days' | 'weeks' | 'months' | 'years'
}

const CADENCES: Readonly<Record<Interval, Cadence>> = {
  weekly: { count: 1, unit: 'weeks' },
  monthly: { count: 1, unit: 'months' },
  quarterly: { count: 3, unit: 'months' },
  yearly: { count: 1, unit: 'years' },
}

export const INTERVALS = Object.keys(CADENCES) as readonly Interval[]

export function cadenceOf(interval: Interval): Cadence {
  return CADENCES[interval]
}
