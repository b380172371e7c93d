import { setTimeout as pause } from 'node:timers/promises'
import { type ApiClient, listAll } from './api-client.ts'

const POLL_MS = 25
/** The service may be restarted in between, but it must get on. */
const STANDSTILL_LIMIT_MS = 120_000
const CLOSING_LIMIT_MS = 600_000

/** An invoice as the API answers it, as far as the demo reads it. */
export interface InvoiceAnswer {
  readonly number: string | null
  readonly status: string
  readonly external_customer_id: string
  readonly currency: string
  readonly period_start: string
  readonly period_end: string
  readonly total_cents: number
  readonly lines: readonly {
    readonly kind: string
    readonly billable_metric_code: string | null
    readonly units: string
    readonly amount_cents: number
  }[]
}

/** Resolves when every acknowledged event is counted. Throws when the backlog stands still for two minutes. */
export async function untilCounted(client: ApiClient): Promise<void> {
  let least = Number.POSITIVE_INFINITY
  let deadline = 0
  for (;;) {
    const { queued_batches: queued } = await client.get<{ queued_batches: number }>('/v1/events/backlog')
    if (queued === 0) return
    if (queued < least) deadline = Date.now() + STANDSTILL_LIMIT_MS
    least = Math.min(least, queued)
    if (Date.now() > deadline) throw new Error(`${queued} batches of events are not counted and nothing moves.`)
    await pause(POLL_MS)
  }
}

/** Moves the test clock to the time, waits until all that fell due is done, and answers every invoice. */
export async function closePeriods(client: ApiClient, clockId: string, frozenTime: string): Promise<InvoiceAnswer[]> {
  await client.post(`/v1/test_clocks/${clockId}/advance`, { frozen_time: frozenTime })
  const deadline = Date.now() + CLOSING_LIMIT_MS
  for (;;) {
    const { status } = await client.get<{ status: string }>(`/v1/test_clocks/${clockId}`)
    if (status === 'ready') return await listAll<InvoiceAnswer>(client, '/v1/invoices')
    if (Date.now() > deadline) throw new Error('The test clock did not become ready within ten minutes.')
    await pause(POLL_MS)
  }
}
