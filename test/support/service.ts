import { expect, vi } from 'vitest'
import { WORKER_NAMES } from '../../workers/workers.ts'
import { type ApiClient, startApi, type TestApi } from './api.ts'
import { sendAndCount } from './count-events.ts'
import { startWorkers } from './workers.ts'

/** The web process and every worker, in this process. */
export interface TestService {
  readonly api: TestApi
  /** An organization on a test clock. */
  client(frozenTime: string): Promise<ClockedClient>
  stop(): Promise<void>
}

/** Speaks for an organization whose time stands still until it is moved. */
export interface ClockedClient extends ApiClient {
  /** Creates what must be there and answers with the body; any other answer than 201 fails the test. */
  create(path: string, body: object): Promise<ReturnType<typeof JSON.parse>>
  /** Sends the events in one request and waits until they are counted. */
  send(events: readonly object[]): Promise<void>
  /** Moves the clock and waits until all that became due is done. */
  advanceTo(frozenTime: string): Promise<void>
}

export async function startService(environment: NodeJS.ProcessEnv = {}): Promise<TestService> {
  const api = await startApi(environment)
  const workers = await startWorkers({ ...api.config, databasePoolMax: 12 }, WORKER_NAMES)
  return {
    api,
    client: async (frozenTime) => clockedClient(await api.client(), frozenTime),
    stop: async () => {
      await workers.stop()
      await api.stop()
    },
  }
}

async function clockedClient(client: ApiClient, frozenTime: string): Promise<ClockedClient> {
  const create = async (path: string, body: object) => {
    const answer = await client.post(path, body)
    expect([path, answer.status, answer.text]).toEqual([path, 201, expect.anything()])
    return answer.body
  }
  const clock = await create('/test_clocks', { frozen_time: frozenTime })
  return {
    ...client,
    create,
    send: (events) => sendAndCount(client, events),
    advanceTo: async (time) => {
      await client.post(`/test_clocks/${clock.id}/advance`, { frozen_time: time })
      const ready = async () =>
        expect((await client.get(`/test_clocks/${clock.id}`)).body).toMatchObject({ status: 'ready' })
      await vi.waitFor(ready, { timeout: 60_000, interval: 50 })
    },
  }
}
