import type { FastifyInstance } from 'fastify'
import { type Logger, pino } from 'pino'

const FLUSH_EVERY_MS = 250

/**
 * The log of the web process: JSON lines on standard output. They are written a few kilobytes at a time, because a write
 * for each request is a tenth of what the request costs; a line is at most a quarter of a second late.
 */
export function createLogger(level: string): Logger {
  const output = pino.destination({ dest: 1, sync: false, minLength: 4096 })
  setInterval(() => output.flush(), FLUSH_EVERY_MS).unref()
  return pino({ level, base: { process: 'web' } }, output)
}

/**
 * Answers the id of every request and logs one line for it: who asked for what, with which outcome, how long it took.
 * No query, header or body is written, because they may hold secrets.
 */
export function registerRequestLog(server: FastifyInstance): void {
  server.addHook('onRequest', (request, reply, done) => {
    void reply.header('x-request-id', request.id)
    done()
  })
  server.addHook('onResponse', (request, reply, done) => {
    request.log.info(
      {
        method: request.method,
        route: request.routeOptions.url,
        status: reply.statusCode,
        durationMs: Math.round(reply.elapsedTime * 10) / 10,
        organizationId: request.organizationId || undefined,
      },
      'request',
    )
    done()
  })
}
