import { realNow } from '../../db/clock.ts'
import { type ClaimedDelivery, claimDeliveries } from '../../db/webhooks/due-deliveries.ts'
import type { WorkerContext } from '../context.ts'
import { deliver } from './deliver.ts'
import type { DeliverySlots } from './delivery-slots.ts'

/** Deliveries of one share that a process sends at once. */
export const SLOTS = 32
const PER_ENDPOINT = { healthy: 4, failing: 1 } as const

/** Longer than an attempt can take, so that no two are under way for one delivery while its process lives. */
const LEASE_SECONDS = 60

/**
 * Starts sending what is due, as far as slots are free; whoever sends frees its slot by itself. A slow endpoint keeps
 * its own slots and nobody else's. Answers with the number of attempts begun.
 */
export async function beginDueDeliveries(context: WorkerContext, slots: DeliverySlots): Promise<number> {
  return (await fill('healthy', slots, context)) + (await fill('failing', slots, context))
}

async function fill(share: 'healthy' | 'failing', slots: DeliverySlots, context: WorkerContext): Promise<number> {
  const limit = slots.free(share)
  if (limit === 0) return 0
  const now = realNow()
  const claimed = await claimDeliveries(context.connection, {
    now,
    leaseEndsAt: now.add({ seconds: LEASE_SECONDS }),
    limit,
    perEndpoint: PER_ENDPOINT[share],
    failing: share === 'failing',
  })
  for (const delivery of claimed) slots.start(share, deliverOrLog(delivery, context))
  return claimed.length
}

// What could not be written down is sent again when its lease is over.
async function deliverOrLog(delivery: ClaimedDelivery, context: WorkerContext): Promise<void> {
  try {
    await deliver(delivery, context)
  } catch (error) {
    context.log.error({ err: error, deliveryId: delivery.deliveryId }, 'webhook attempt not written down')
  }
}
