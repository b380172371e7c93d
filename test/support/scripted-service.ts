import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'

export interface SentEvent {
  readonly transaction_id: string
  readonly producer_sequence: number
}

export interface ScriptedAnswer {
  readonly status: number
  readonly body?: unknown
  readonly headers?: Readonly<Record<string, string>>
}

/** Answers a client's requests as a test says, without a database; by itself it accepts everything. */
export interface ScriptedService {
  readonly url: string
  /** The events of every request for `/v1/events/batch`, whatever it was answered. */
  readonly batches: (readonly SentEvent[])[]
  /** The paths of all requests. */
  readonly paths: string[]
  /** Asked before each answer; `undefined` accepts. */
  script: (path: string, events: readonly SentEvent[]) => ScriptedAnswer | undefined
  stop(): Promise<void>
}

export async function startScriptedService(): Promise<ScriptedService> {
  const server = createServer((request, response) => void answer(service, request, response))
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const service: ScriptedService = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    batches: [],
    paths: [],
    script: () => undefined,
    stop: async () => {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
  return service
}

async function answer(service: ScriptedService, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const chunks: Buffer[] = []
  for await (const chunk of request) chunks.push(chunk as Buffer)
  const { events = [] } = JSON.parse(Buffer.concat(chunks).toString()) as { events?: readonly SentEvent[] }
  const path = request.url ?? ''
  service.paths.push(path)
  if (path.endsWith('/batch')) service.batches.push(events)
  const { status, body, headers } = service.script(path, events) ?? accepted(path, events)
  response.writeHead(status, headers).end(typeof body === 'string' ? body : JSON.stringify(body ?? {}))
}

function accepted(path: string, events: readonly SentEvent[]): ScriptedAnswer {
  if (!path.endsWith('/batch')) return { status: 200 }
  return { status: 202, body: { results: events.map(() => ({ status: 'accepted' })) } }
}
