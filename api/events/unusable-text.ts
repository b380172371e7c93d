import type { Unusable } from '../../shared/metering/aggregation.ts'

const FAULTS: Readonly<Record<Unusable['reason'], string>> = {
  value_missing: 'is not there, or no text, number or truth',
  value_not_a_number: 'is no number where one is due',
  expression_failed: 'has no value for this event',
}

/** Why a metric cannot use an event, to stand after the name of what it reads. */
export function unusableText({ reason, details: { fault } }: Unusable): string {
  const cause = typeof fault === 'string' ? `: ${fault.replaceAll('_', ' ')}` : ''
  return `${FAULTS[reason]}${cause}`
}
