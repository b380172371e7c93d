import { findFrozenTime } from '../../db/clock.ts'
import { type Connection, withOrganization } from '../../db/connection.ts'
import { microsOfInstant } from '../../shared/metering/timestamp.ts'
import { RememberedLoads } from '../remembered-loads.ts'

/** When an event was received, by its organization's clock. */
export interface Receipt {
  readonly micros: number
  /** Set by a test clock, so that it changes only when the clock is moved. */
  readonly frozen: boolean
}

// An organization gets a test clock only while it is empty; until it is noticed, events arrive on real time.
const REMEMBERED = { keepMs: 1_000, freshMs: 500, maxKept: 10_000 }

/**
 * Tells the time of organizations without a query per request: that an organization lives on real time is remembered
 * for a second. A test clock is read each time, because the answer to moving it must hold for the very next event.
 */
export class OrganizationClock {
  readonly #connection: Connection
  /** Those that live on real time. */
  readonly #live = new RememberedLoads<number, true>(REMEMBERED)

  constructor(connection: Connection) {
    this.#connection = connection
  }

  receivedAt(organizationId: number): Receipt | Promise<Receipt> {
    let frozen: Receipt | undefined
    // That an organization is live is shared; a frozen time is not, because it may be older than the asking.
    const live = this.#live.read(organizationId, async () => {
      frozen = await this.#findFrozen(organizationId)
      return frozen === undefined ? true : undefined
    })
    return live === true ? realReceipt() : live.then(() => frozen ?? realReceipt())
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
