import { setTimeout as pause } from 'node:timers/promises'
import { HttpConnection } from './http-connection.ts'
import type { PreparedRequest } from './http-requests.ts'

/** Sends everything as fast as it is taken, one request at a time on each connection. Answers the latencies, in ms. */
export async function sendAll(
  url: string,
  requests: Iterable<PreparedRequest> | AsyncGenerator<PreparedRequest, void>,
  connections: number,
): Promise<readonly number[]> {
  return await overConnections(url, connections, async (send) => {
    const latenciesMs: number[] = []
    const queue = Symbol.asyncIterator in requests ? requests : Iterator.from(requests)
    const runner = async () => {
      for await (const request of queue) {
        const startedAt = performance.now()
        await send(request)
        latenciesMs.push(performance.now() - startedAt)
      }
    }
    await Promise.all(Array.from({ length: connections }, runner))
    return latenciesMs
  })
}

/**
 * Sends at a steady rate, in events a second, whether or not the answers keep up. A latency counts from the moment at
 * which the request was due.
 */
export async function sendPaced(
  url: string,
  requests: Iterable<PreparedRequest>,
  { connections, rate }: { readonly connections: number; readonly rate: number },
): Promise<readonly number[]> {
  return await overConnections(url, connections, async (send) => {
    const latenciesMs: number[] = []
    const startedAt = performance.now()
    let dueAt = startedAt
    const under = new Set<Promise<void>>()
    for (const request of requests) {
      const sentFor = dueAt
      const earlyMs = sentFor - performance.now()
      if (earlyMs > 0) await pause(earlyMs)
      const sent = send(request).then(() => {
        latenciesMs.push(performance.now() - sentFor)
        under.delete(sent)
      })
      under.add(sent)
      dueAt += (request.events / rate) * 1000
    }
    await Promise.all(under)
    return latenciesMs
  })
}

async function overConnections<Result>(
  url: string,
  count: number,
  work: (send: (request: PreparedRequest) => Promise<void>) => Promise<Result>,
): Promise<Result> {
  const all = await Promise.all(Array.from({ length: count }, () => HttpConnection.open(url)))
  const idle = [...all]
  const waiting: ((connection: HttpConnection) => void)[] = []
  const send = async (request: PreparedRequest) => {
    // The one that has rested longest, because the server closes those that rest for a minute.
    const connection = idle.shift() ?? (await new Promise<HttpConnection>((resolve) => waiting.push(resolve)))
    await connection.send(request)
    const next = waiting.shift()
    if (next === undefined) idle.push(connection)
    else next(connection)
  }
  try {
    return await work(send)
  } finally {
    for (const connection of all) connection.close()
  }
}
