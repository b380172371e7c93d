import type { FastifyInstance } from 'fastify'
import { type Logger, pino } from 'pino'

/** The log of the web process: JSON lines on standard output. */
export function createLogger(level: string): Logger {
  return pino({ level, base: { process: 'web' } })
}

/**
 * Answers the id of every request and logs one line for it: who asked for what, with which outcome, how long it took.
 * No query, header or body is written, because they may hold secrets.
 */
export function registerRequestLog(server: FastifyInstance): void {
  server.addHook('onRequest', async (request, reply) => {
    reply.header('x-request-id', request.id)
  })
  server.addHook('onResponse', async (request, reply) => {
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
  })
}
