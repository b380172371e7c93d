import { sql } from 'kysely'
import { AppError } from '../../shared/errors.ts'
import type { Routes } from '../context.ts'
import { Choice, ErrorAnswer, Output } from '../schemas/common.ts'

const Health = Output('Health', { status: Choice(['ok']) })
const READY_WITHIN_MS = 5_000

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
      await within('database_unavailable', sql`select 1`.execute(context.connection))
      await within('queue_unavailable', context.producer.backlog('relay-outbox'))
      return { status: 'ok' as const }
    },
  )
}

async function within(code: 'database_unavailable' | 'queue_unavailable', answer: Promise<unknown>): Promise<void> {
  const { promise: late, reject } = Promise.withResolvers<never>()
  const timer = setTimeout(() => reject(new Error('no answer in time')), READY_WITHIN_MS)
  try {
    await Promise.race([answer, late])
  } catch (cause) {
    throw Object.assign(new AppError(code, `the ${code.split('_')[0]} does not answer`), { cause })
  } finally {
    clearTimeout(timer)
  }
}
