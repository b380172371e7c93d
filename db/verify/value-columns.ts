import { isoOfMicros } from '../../shared/metering/timestamp.ts'
import type { LastSighting } from './last-sighting.ts'

const COLUMNS = ['last_at', 'last_arrival', 'is_present'] as const

/** A column of a distinct value that is not what it should be. */
export interface ValueColumn {
  readonly column: (typeof COLUMNS)[number]
  readonly stored: string | null
  readonly computed: string | null
}

/** All of them; a row that is missing or too many is one. */
export function valueColumnsThatDiffer({
  stored,
  computed,
}: {
  readonly stored: LastSighting | null
  readonly computed: LastSighting | null
}): ValueColumn[] {
  const columns = stored === null || computed === null ? COLUMNS.slice(0, 1) : COLUMNS
  const [left, right] = [textsOf(stored), textsOf(computed)]
  return columns
    .map((column) => ({ column, stored: left[column], computed: right[column] }))
    .filter((difference) => difference.stored !== difference.computed)
}

function textsOf(sighting: LastSighting | null): Record<(typeof COLUMNS)[number], string | null> {
  return {
    last_at: sighting && isoOfMicros(sighting.micros),
    last_arrival: sighting && sighting.arrival.toString(),
    is_present: sighting && String(sighting.isPresent),
  }
}
