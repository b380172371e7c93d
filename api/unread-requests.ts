import { randomUUID } from 'node:crypto'
import { type IncomingMessage, type ServerResponse, STATUS_CODES } from 'node:http'
import type { Socket } from 'node:net'
import type { FastifyInstance } from 'fastify'
import { AppError } from '../shared/errors.ts'
import { errorBody } from './errors.ts'

/** What the HTTP parser says about bytes that are no request, or none any more. */
interface ParserError extends Error {
  readonly code?: string
  /** A sentence, where the parser has one. */
  readonly reason?: string
}

/**
 * Answers, in the shape of all errors, requests that never become one: what is no HTTP, has too large headers, or does not
 * come. The connection is closed, because nobody knows where the next request would begin.
 */
export function answerParserError(this: FastifyInstance, error: ParserError, socket: Socket): void {
  if (error.code === 'ECONNRESET' || !socket.writable) return
  const refusal = refusalOf(error)
  const requestId = randomUUID()
  this.log.info({ reqId: requestId, code: refusal.code, parser: error.code }, 'request that cannot be read')
  if (!hasAnswerBegun(socket)) socket.write(responseOf(refusal, requestId))
  socket.destroySoon()
}

/** Refuses expectations other than the one that HTTP knows, which would be answered without a body. */
export function refuseExpectations(server: FastifyInstance): void {
  server.server.on('checkExpectation', (request: IncomingMessage, response: ServerResponse) => {
    const refusal = new AppError('expectation_failed', 'no expectation is met but 100-continue; leave the header out')
    const text = JSON.stringify(errorBody(refusal))
    const headers = { 'content-type': 'application/json; charset=utf-8', 'x-request-id': randomUUID() }
    response.writeHead(refusal.status, { ...headers, connection: 'close' }).end(text)
    request.resume()
  })
}

function refusalOf({ code, reason, message }: ParserError): AppError {
  if (code === 'HPE_HEADER_OVERFLOW') return new AppError('headers_too_large', 'the headers are larger than 16 KiB')
  if (code === 'ERR_HTTP_REQUEST_TIMEOUT') return new AppError('request_timeout', 'the headers did not come in time')
  // Not `bad_request`, which speaks of what was sent: it may have been cut or altered by something on the way.
  return new AppError('malformed_request', `what came is no HTTP request, or a part of one: ${reason || message}`)
}

// An answer on its way, which this one would end up in, is only known to the server itself.
function hasAnswerBegun(socket: Socket): boolean {
  const { _httpMessage: answer } = socket as Socket & { readonly _httpMessage?: ServerResponse | null }
  return answer?.headersSent === true
}

function responseOf(refusal: AppError, requestId: string): string {
  const text = JSON.stringify(errorBody(refusal))
  return [
    `HTTP/1.1 ${refusal.status} ${STATUS_CODES[refusal.status]}`,
    'content-type: application/json; charset=utf-8',
    `content-length: ${Buffer.byteLength(text)}`,
    `x-request-id: ${requestId}`,
    'connection: close',
    '',
    text,
  ].join('\r\n')
}
