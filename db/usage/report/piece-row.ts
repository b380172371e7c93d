import type { LatestValue, UsagePart } from '../../../shared/metering/usage-part.ts'
import { decimal, type Exact } from '../../../shared/money/decimal.ts'
import type { UsagePiece } from './usage-report.ts'

/** A piece as the database adds it up. */
export interface PieceRow {
  readonly windowIndex: number
  readonly customerId: number | null
  readonly externalSubscriptionId: string | null
  readonly groups: readonly string[]
  readonly eventsCount: string
  readonly valueSum: string
  readonly valueMax: string | null
  readonly valueMin: string | null
  readonly valueTimeSum: string | null
  /** Microseconds, arrival and value. */
  readonly latest: readonly [string, string, string] | null
  readonly firstSeen: Temporal.Instant | null
  readonly lastSeen: Temporal.Instant | null
}

export function pieceOf(row: PieceRow): UsagePiece {
  const { windowIndex: window, customerId, externalSubscriptionId, groups, firstSeen: first, lastSeen: last } = row
  return {
    key: { window, customerId, externalSubscriptionId, groups },
    part: partOf(row),
    events: [],
    seen: first === null || last === null ? null : { first, last },
  }
}

function partOf(row: PieceRow): UsagePart {
  return {
    eventsCount: BigInt(row.eventsCount),
    sum: decimal(row.valueSum),
    max: nullable(row.valueMax),
    min: nullable(row.valueMin),
    timeSum: nullable(row.valueTimeSum),
    latest: row.latest === null ? null : latestOf(row.latest),
  }
}

function latestOf([micros, arrival, value]: readonly [string, string, string]): LatestValue {
  return { value: decimal(value), atMicros: decimal(micros).toNumber(), arrival: BigInt(arrival) }
}

function nullable(text: string | null): Exact | null {
  return text === null ? null : decimal(text)
}
