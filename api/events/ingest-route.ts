import type { FastifySchemaCompiler } from 'fastify'
import type { TSchema } from 'typebox'
import { AppError, type ErrorCode } from '../../shared/errors.ts'
import type { ApiContext } from '../context.ts'
import { exceptBodies } from '../validation.ts'

/** What any route that takes in events may refuse with, beyond what every route may. */
export const INGEST_REFUSALS = ['ingest_overloaded', 'queue_unavailable'] as const satisfies readonly ErrorCode[]

/**
 * The options of a route that takes in events. Its schemas document: events are checked by one hand-written pass, which
 * is many times faster. While the gate is closed, bodies are not even read.
 */
export function ingestRoute({ ingestGate }: Pick<ApiContext, 'ingestGate'>): IngestRoute {
  return {
    config: { leavesBodyUnread: true },
    validatorCompiler: exceptBodies,
    onRequest: async () => await ingestGate.requireOpen(),
  }
}

interface IngestRoute {
  readonly config: { readonly leavesBodyUnread: true }
  readonly validatorCompiler: FastifySchemaCompiler<TSchema>
  readonly onRequest: () => Promise<void>
}

/** The refusal of a body whose media type another endpoint takes, or none. */
export function otherMediaType(accepted: string): AppError {
  return new AppError('unsupported_media_type', `the body must be ${accepted}`)
}
