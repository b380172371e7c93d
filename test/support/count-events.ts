import { expect, vi } from 'vitest'
import type { ApiClient } from './api.ts'

/** Sends the events in one request and waits until the worker has counted them. */
export async function sendAndCount(client: ApiClient, events: readonly object[]): Promise<void> {
  const answer = await client.post('/events/batch', { events })
  expect(answer.body).toMatchObject({ accepted: events.length })
  const counted = async () => expect((await client.get('/events/backlog')).body).toEqual({ queued_batches: 0 })
  await vi.waitFor(counted, { timeout: 20_000, interval: 20 })
}
