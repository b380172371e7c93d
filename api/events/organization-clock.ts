import { findFrozenTime } from '../../db/clock.ts'
import { type Connection, withOrganization } from '../../db/connection.ts'
import { microsOfInstant } from '../../shared/metering/timestamp.ts'
import { SharedLoads } from '../shared-loads.ts'

/** When an event was received, by its organization's clock. */
export interface Receipt {
  readonly micros: number
  /** Set by a test clock, so that it changes only when the clock is moved. */
  readonly frozen: boolean
}

// An organization gets a test clock only while it is empty; until it is noticed, events arrive on real time.
const LIVE_FOR_MS = 1_000
// Who asks after this long has it looked up again without waiting, so that nobody waits while events keep coming.
const FRESH_FOR_MS = 500

/**
 * Tells the time of organizations without a query per request: that an organization lives on real time is remembered
 * for a second. A test clock is read each time, because the answer to moving it must hold for the very next event.
 */
export class OrganizationClock {
  readonly #connection: Connection
  readonly #liveUntilMs = new Map<number, number>()
  readonly #loads = new SharedLoads<number, Receipt>()

  constructor(connection: Connection) {
    this.#connection = connection
  }

  receivedAt(organizationId: number): Receipt | Promise<Receipt> {
    const liveForMs = (this.#liveUntilMs.get(organizationId) ?? 0) - performance.now()
    if (liveForMs <= 0) return this.#readClock(organizationId)
    // What fails here fails again for whoever has to wait for it.
    if (liveForMs <= LIVE_FOR_MS - FRESH_FOR_MS) this.#readClock(organizationId).catch(() => undefined)
    return realReceipt()
  }

  async #readClock(organizationId: number): Promise<Receipt> {
    let frozen: Receipt | undefined
    // That an organization is live is shared; a frozen time is not, because it may be older than the asking.
    const live = await this.#loads.load(organizationId, async () => {
      frozen = await this.#findFrozen(organizationId)
      if (frozen !== undefined) {
        this.#liveUntilMs.delete(organizationId)
        return undefined
      }
      this.#liveUntilMs.set(organizationId, performance.now() + LIVE_FOR_MS)
      return realReceipt()
    })
    return live ?? frozen ?? realReceipt()
  }

  async #findFrozen(organizationId: number): Promise<Receipt | undefined> {
    const frozenTime = await withOrganization(this.#connection, organizationId, (transaction) =>
      findFrozenTime(transaction, organizationId),
    )
    return frozenTime === undefined ? undefined : { micros: microsOfInstant(frozenTime), frozen: true }
  }
}

function realReceipt(): Receipt {
  return { micros: Math.floor((performance.timeOrigin + performance.now()) * 1000), frozen: false }
}
