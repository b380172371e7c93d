import { type ApiClient, startApi, type TestApi } from './api.ts'
import { sendAndCount } from './count-events.ts'
import { startWorkers } from './workers.ts'

/** The web process and the worker that counts what it accepts. */
export interface UsageApi {
  readonly api: TestApi
  /** Sends the events in one request and waits until they are counted. */
  send(client: ApiClient, events: readonly object[]): Promise<void>
  stop(): Promise<void>
}

export async function startUsageApi(): Promise<UsageApi> {
  const api = await startApi()
  const workers = await startWorkers(api.config, ['aggregate-usage'])
  return {
    api,
    send: sendAndCount,
    stop: async () => {
      await workers.stop()
      await api.stop()
    },
  }
}
