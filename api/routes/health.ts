import { sql } from 'kysely'
import { boundedAnswer } from '../bounded-wait.ts'
import type { Routes } from '../context.ts'
import { Choice, ErrorAnswer, Output } from '../schemas/common.ts'

const Health = Output('Health', { status: Choice(['ok']) })

/** For whoever watches the process; no key is asked for. */
export const healthRoutes: Routes = async (server, { context }) => {
  server.get(
    '/healthz',
    {
      schema: {
        operationId: 'getHealth',
        summary: 'Is the process alive?',
        tags: ['Health'],
        security: [],
        response: { 200: Health },
      },
    },
    () => ({ status: 'ok' as const }),
  )

  server.get(
    '/readyz',
    {
      schema: {
        operationId: 'getReadiness',
        summary: 'Do the database and the queue answer?',
        tags: ['Health'],
        security: [],
        response: { 200: Health, 503: ErrorAnswer(['database_unavailable', 'queue_unavailable']) },
      },
    },
    async () => {
      const database = sql`select 1`.execute(context.connection)
      await boundedAnswer(database, 'database_unavailable', 'the database does not answer')
      await boundedAnswer(context.producer.backlog('relay-outbox'), 'queue_unavailable', 'the queue does not answer')
      return { status: 'ok' as const }
    },
  )
}
