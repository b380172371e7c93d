import { findFrozenTime } from '../../db/clock.ts'
import { type Connection, withOrganization } from '../../db/connection.ts'
import { microsOfInstant } from '../../shared/metering/timestamp.ts'

/** When an event was received, by its organization's clock. */
export interface Receipt {
  readonly micros: number
  /** Set by a test clock, so that it changes only when the clock is moved. */
  readonly frozen: boolean
}

// An organization gets a test clock only while it is empty; until it is noticed, events arrive on real time.
const LIVE_FOR_MS = 1_000

/**
 * Tells the time of organizations without a query per request: that an organization lives on real time is remembered
 * for a second. A test clock is read each time, because the answer to moving it must hold for the very next event.
 */
export class OrganizationClock {
  readonly #connection: Connection
  readonly #liveUntilMs = new Map<number, number>()

  constructor(connection: Connection) {
    this.#connection = connection
  }

  receivedAt(organizationId: number): Receipt | Promise<Receipt> {
    const liveUntilMs = this.#liveUntilMs.get(organizationId)
    if (liveUntilMs !== undefined && performance.now() < liveUntilMs) return realReceipt()
    return this.#readClock(organizationId)
  }

  async #readClock(organizationId: number): Promise<Receipt> {
    const frozenTime = await withOrganization(this.#connection, organizationId, (transaction) =>
      findFrozenTime(transaction, organizationId),
    )
    if (frozenTime !== undefined) return { micros: microsOfInstant(frozenTime), frozen: true }
    this.#liveUntilMs.set(organizationId, performance.now() + LIVE_FOR_MS)
    return realReceipt()
  }
}

function realReceipt(): Receipt {
  return { micros: Math.floor((performance.timeOrigin + performance.now()) * 1000), frozen: false }
}
