import type { WorkerContext } from '../context.ts'
import { defineWorker, type JobOutcome } from '../worker-definition.ts'
import { announceAlerts } from './announce-alerts.ts'
import { beginDueDeliveries, SLOTS } from './begin-deliveries.ts'
import { composeMessages } from './compose-messages.ts'
import { DeliverySlots } from './delivery-slots.ts'

// Whoever stops the process waits longer than this; what is still being sent then is sent again by the next one.
const JOB_MS = 5_000
const LOOK_AGAIN_MS = 250

/**
 * Writes the messages that changes make due, and sends them to the endpoints that want to hear of them. A job ends when
 * nothing is left or after a few seconds, and the next goes on; what a slow endpoint has not answered by then is waited
 * for beyond the end of the job.
 */
export const deliverWebhooks = defineWorker({
  queue: 'deliver-webhooks',
  concurrency: 1,
  schedule: { everyMs: 1000, payload: {} },
  open: (context) => {
    const slots = new DeliverySlots(SLOTS)
    return () => workUntilDone(context, slots)
  },
})

async function workUntilDone(context: WorkerContext, slots: DeliverySlots): Promise<JobOutcome> {
  const deadline = performance.now() + JOB_MS
  const alerts = await announceAlerts(context)
  let composed = 0
  let attempts = 0
  while (performance.now() < deadline) {
    let begun = 0
    try {
      composed += await composeMessages(context)
    } finally {
      // A message that cannot be written holds up no delivery of another.
      begun = await beginDueDeliveries(context, slots)
    }
    attempts += begun
    if (begun === 0 && !slots.isBusy) break
    await slots.change(LOOK_AGAIN_MS)
  }
  return { alerts, composed, attempts }
}
