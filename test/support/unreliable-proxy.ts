import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'

/** What befalls one request on its way: `lost answer` reaches the service, and its sender never hears. */
export type Mishap = 'none' | 'lost request' | 'lost answer' | { readonly status: number; readonly retryAfter?: string }

/** Stands between a client and the service. */
export interface UnreliableProxy {
  readonly url: string
  /** Asked for every request; nothing befalls when it is not set. */
  mishap: (path: string) => Mishap
  /** Paths of all requests, with the time at which they came. */
  readonly requests: readonly { readonly path: string; readonly atMs: number }[]
  stop(): Promise<void>
}

export async function startUnreliableProxy(target: string): Promise<UnreliableProxy> {
  const requests: { path: string; atMs: number }[] = []
  const server = createServer((request, response) => {
    requests.push({ path: request.url ?? '', atMs: performance.now() })
    void relay(target, request, response, proxy.mishap(request.url ?? '')).catch(() => request.socket.destroy())
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const proxy: UnreliableProxy = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    mishap: () => 'none',
    requests,
    stop: async () => {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
  return proxy
}

async function relay(
  target: string,
  request: IncomingMessage,
  response: ServerResponse,
  mishap: Mishap,
): Promise<void> {
  const chunks: Buffer[] = []
  for await (const chunk of request) chunks.push(chunk as Buffer)
  if (mishap === 'lost request') {
    request.socket.destroy()
    return
  }
  if (typeof mishap === 'object') {
    if (mishap.retryAfter !== undefined) response.setHeader('retry-after', mishap.retryAfter)
    response.writeHead(mishap.status).end('{}')
    return
  }
  const { authorization = '', 'content-type': contentType = '' } = request.headers
  const answer = await fetch(`${target}${request.url}`, {
    method: request.method ?? 'GET',
    headers: { authorization, 'content-type': contentType },
    body: Buffer.concat(chunks),
  })
  const text = await answer.text()
  if (mishap === 'lost answer') request.socket.destroy()
  else response.writeHead(answer.status).end(text)
}
