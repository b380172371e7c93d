import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type ClientOptions, openClient, type TabkeeperClient } from '../../client/src/tabkeeper-client.ts'
import { type ScriptedService, startScriptedService } from './scripted-service.ts'

/** A scripted service, and clients of it that use one folder, one after the other. */
export interface ScriptedClients {
  readonly service: ScriptedService
  readonly folder: string
  /** Opens a client that sends at once and is quick to try again. */
  readonly open: (options?: Partial<ClientOptions>) => Promise<TabkeeperClient>
  /** Closes all that were opened, and removes the folder. */
  stop(): Promise<void>
}

export async function startScriptedClients(common: Partial<ClientOptions>): Promise<ScriptedClients> {
  const service = await startScriptedService()
  const folder = mkdtempSync(join(tmpdir(), 'tabkeeper-client-'))
  const opened: TabkeeperClient[] = []
  return {
    service,
    folder,
    open: async (options) => {
      const basic = { url: service.url, apiKey: 'tk', spoolDirectory: folder, flushIntervalMs: 0, maxBackoffMs: 20 }
      const client = await openClient({ ...basic, ...common, ...options })
      opened.push(client)
      return client
    },
    stop: async () => {
      await Promise.all(opened.map((client) => client.close({ timeoutMs: 0 })))
      await service.stop()
      rmSync(folder, { recursive: true, force: true })
    },
  }
}
