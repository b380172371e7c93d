import { createServer, type IncomingHttpHeaders, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'

/** A request that an endpoint was sent. */
export interface ReceivedRequest {
  readonly path: string
  readonly headers: IncomingHttpHeaders
  readonly body: string
}

/** An HTTP server that keeps what it is sent and answers as it is told, by path. */
export interface WebhookReceiver {
  readonly url: string
  /** Every request to a path, in the order of arrival. */
  received(path: string): ReceivedRequest[]
  /** How a path answers from now on: with a status, or, when it hangs, not at all. 204 when nothing was said. */
  answer(path: string, how: number | 'hang'): void
  /** Answers at last, with 204, what a path has been left without an answer. */
  release(path: string): void
  stop(): Promise<void>
}

export async function startWebhookReceiver(): Promise<WebhookReceiver> {
  const requests: ReceivedRequest[] = []
  const answers = new Map<string, number | 'hang'>()
  const hanging: { path: string; response: ServerResponse }[] = []
  const server = createServer((request, response) => {
    const parts: Buffer[] = []
    request.on('data', (part: Buffer) => parts.push(part))
    request.on('end', () => {
      const path = request.url ?? ''
      requests.push({ path, headers: request.headers, body: Buffer.concat(parts).toString() })
      const how = answers.get(path) ?? 204
      if (how === 'hang') return hanging.push({ path, response })
      // A redirect leads to a path that would take the message.
      response.writeHead(how, how >= 300 && how < 400 ? { location: '/elsewhere' } : {}).end()
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    received: (path) => requests.filter((request) => request.path === path),
    answer: (path, how) => void answers.set(path, how),
    release: (path) =>
      hanging.filter((held) => held.path === path).forEach(({ response }) => response.writeHead(204).end()),
    stop: async () => {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}
