import type { FastifyError, FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { AppError, type ErrorCode } from '../shared/errors.ts'
import { isUnreachable } from '../shared/unreachable.ts'
import { corruptBodyError } from './compressed-body.ts'
import { answerThenDiscard } from './discarded-rest.ts'

/** Answers a URL that cannot be read, which the framework finds before any route and would answer in its own shape. */
export function answerFrameworkError(error: FastifyError, request: FastifyRequest, reply: FastifyReply): void {
  void answer(toAppError(error, request), reply.header('x-request-id', request.id))
}

/** Gives every failure the one shape, whatever part of the server it comes from. */
export function registerErrors(server: FastifyInstance): void {
  server.setErrorHandler<FastifyError | AppError>((error, request, reply) => answer(toAppError(error, request), reply))
  server.setNotFoundHandler((request, reply) => answerUnknownRoute(server, request, reply))
}

function answer(error: AppError, reply: FastifyReply): FastifyReply {
  return answerFailure(error, reply, {})
}

/** Answers an error, with what else there is to say about it. */
export function answerFailure(error: AppError, reply: FastifyReply, more: object): FastifyReply {
  if (error.status === 401) reply.header('www-authenticate', 'Bearer')
  if (error.retryAfterSeconds !== undefined) reply.header('retry-after', String(error.retryAfterSeconds))
  const body = { ...errorBody(error), ...more }
  reply.code(error.status).type('application/json; charset=utf-8')
  const { raw: request } = reply.request
  // It says so where somebody stopped reading the body.
  if (reply.getHeader('connection') !== 'close' || request.readableEnded) return reply.send(body)
  const text = JSON.stringify(body)
  return reply.header('content-length', Buffer.byteLength(text)).send(answerThenDiscard(request, text))
}

/** The body of an error: every issue of a validation, one sentence for all others. */
export function errorBody({ code, message, issues }: AppError): { detail: unknown; code: ErrorCode } {
  return { detail: issues ?? message, code }
}

/** The error that is answered for whatever was thrown; what is our own fault is logged. */
export function toAppError(thrown: unknown, request: FastifyRequest): AppError {
  const error = thrown as FastifyError | AppError
  if (error instanceof AppError) {
    if (error.status >= 500) request.log.error({ code: error.code, err: error.cause }, 'request failed')
    return error
  }
  if (error === request.raw.errored) return clientGone(error, request)
  const refusal = FRAMEWORK_REFUSALS[error.code ?? '']
  if (refusal !== undefined) return new AppError(...refusal)
  const corruption = corruptBodyError(error)
  if (corruption !== undefined) return corruption
  if (typeof error.statusCode === 'number' && error.statusCode < 500) return new AppError('bad_request', error.message)
  request.log.error({ err: error }, 'request failed')
  if (isUnreachable(error)) return new AppError('database_unavailable', 'the database cannot be reached; try again')
  // What went wrong inside is for the log, not for whoever asks.
  return new AppError('internal_error', `something went wrong on our side; the request id is ${request.id}`)
}

// Nobody is there to be answered, and nothing is wrong with us.
function clientGone({ message }: Error, request: FastifyRequest): AppError {
  request.log.info({ reason: message }, 'the client went away')
  return new AppError('bad_request', 'the connection was closed before the body came to its end')
}

const FRAMEWORK_REFUSALS: Readonly<Record<string, readonly [ErrorCode, string]>> = {
  FST_ERR_CTP_INVALID_MEDIA_TYPE: ['unsupported_media_type', 'the body must be application/json'],
}

const METHODS = ['GET', 'POST', 'PATCH', 'PUT', 'DELETE'] as const

function answerUnknownRoute(server: FastifyInstance, request: FastifyRequest, reply: FastifyReply): FastifyReply {
  const { method } = request
  const path = request.url.split('?', 1)[0] ?? ''
  const allowed = METHODS.filter((other) => server.findRoute({ method: other, url: path }) !== null)
  if (allowed.length === 0 || allowed.some((other) => other === method)) {
    return answer(new AppError('not_found', `there is nothing at ${path}`), reply)
  }
  const error = new AppError('method_not_allowed', `${method} is not possible on ${path}; use ${allowed.join(' or ')}`)
  // What is read with GET answers HEAD as well.
  const all = allowed.flatMap((other) => (other === 'GET' ? ['GET', 'HEAD'] : [other]))
  return answer(error, reply.header('allow', all.join(', ')))
}
