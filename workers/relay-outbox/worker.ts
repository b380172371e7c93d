import { listUnrelayed, markRelayed } from '../../db/outbox-relay.ts'
import type { WorkerContext } from '../context.ts'
import { defineWorker } from '../worker-definition.ts'
import { deleteExpired } from './delete-expired.ts'
import { jobsOf } from './routes.ts'

const BATCH = 500
const DELETE_EVERY_MS = 60_000

/**
 * Turns outbox rows into jobs. A crash between the jobs and the mark, or two relays at once, repeat the jobs and never
 * lose them: every job made here looks up what is due and may run twice. Once a minute it also deletes what was kept long
 * enough.
 */
export const relayOutbox = defineWorker({
  queue: 'relay-outbox',
  concurrency: 1,
  schedule: { everyMs: 500, payload: {} },
  open: (context) => {
    let deleteNextAt = 0
    return async () => {
      const relayed = await relayAll(context)
      if (performance.now() < deleteNextAt) return { relayed }
      const { deleted, isRest } = await deleteExpired(context)
      deleteNextAt = isRest ? 0 : performance.now() + DELETE_EVERY_MS
      return { relayed, deleted }
    }
  },
})

async function relayAll({ connection, producer }: WorkerContext): Promise<number> {
  let relayed = 0
  for (;;) {
    const rows = await listUnrelayed(connection, BATCH)
    for (const { queue, payload } of jobsOf(rows)) await producer.enqueue(queue, payload)
    const messages = await markRelayed(
      connection,
      rows.map((row) => row.id),
    )
    // Only now are there messages to be found; should this be lost, the schedule finds them.
    if (messages > 0) await producer.enqueue('deliver-webhooks', {})
    relayed += rows.length
    if (rows.length < BATCH) return relayed
  }
}
