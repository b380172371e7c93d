import { type Connection, withOrganization } from '../../db/connection.ts'
import { acceptTransactions } from '../../db/transactions/accept-transactions.ts'
import type { Transaction } from '../../db/transactions/transactions.ts'
import { AppError } from '../../shared/errors.ts'
import type { TransactionContent } from '../../shared/transactions/transaction.ts'

const MAX_BATCH = 500
/** A process holds this many transactions that are not committed yet; more are refused for the moment. */
const MAX_WAITING = 20_000

interface Waiting {
  readonly content: TransactionContent
  readonly taken: PromiseWithResolvers<Transaction>
}

/**
 * Group commit of transactions: those that arrive while a batch of their organization is being committed go together
 * in the next. A request is answered only when its transaction is committed.
 */
export class TransactionIntake {
  readonly #connection: Connection
  readonly #lanes = new Map<number, Waiting[]>()
  #waiting = 0

  constructor(connection: Connection) {
    this.#connection = connection
  }

  /**
   * Resolves with the transaction as it was first taken in. Throws `transaction_conflict` when its reference belongs to
   * another content. Sending it again is always right.
   */
  take(organizationId: number, content: TransactionContent): Promise<Transaction> {
    if (this.#waiting >= MAX_WAITING) {
      throw new AppError('database_unavailable', 'the database does not keep up, nothing was accepted; send it again')
    }
    const taken = Promise.withResolvers<Transaction>()
    this.#waiting += 1
    const lane = this.#lanes.get(organizationId)
    if (lane !== undefined) {
      lane.push({ content, taken })
    } else {
      const opened = [{ content, taken }]
      this.#lanes.set(organizationId, opened)
      // After the requests that this turn of the event loop has parsed, so that they go together.
      setImmediate(() => void this.#drain(organizationId, opened))
    }
    return taken.promise
  }

  async #drain(organizationId: number, lane: Waiting[]): Promise<void> {
    while (lane.length > 0) {
      const batch = lane.splice(0, MAX_BATCH)
      await this.#commit(organizationId, batch)
      this.#waiting -= batch.length
    }
    this.#lanes.delete(organizationId)
  }

  async #commit(organizationId: number, batch: readonly Waiting[]): Promise<void> {
    const contents = batch.map(({ content }) => content)
    try {
      const outcomes = await withOrganization(this.#connection, organizationId, (transaction) =>
        acceptTransactions(transaction, organizationId, contents),
      )
      for (const [index, { taken }] of batch.entries()) {
        const outcome = outcomes[index]
        if (outcome === undefined || outcome instanceof AppError) taken.reject(outcome)
        else taken.resolve(outcome)
      }
    } catch (error) {
      for (const { taken } of batch) taken.reject(error)
    }
  }
}
