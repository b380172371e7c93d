import { IncomingMessage } from 'node:http'
import type { Readable } from 'node:stream'
import type { FastifyInstance } from 'fastify'
import { AppError } from '../shared/errors.ts'
import { JsonBody } from './json-body.ts'

declare module 'fastify' {
  interface FastifyContextConfig {
    /** The handler is given a JSON body as a `JsonBody`, and parses it or not. */
    leavesBodyUnread?: boolean
  }
}

/** The largest request body that is read whole, decompressed. */
const BODY_LIMIT_BYTES = 16 * 1024 * 1024

/** JSON bodies keep the source text of their numbers; an empty body counts as none. No body has a charset but UTF-8. */
export function registerJsonBody(server: FastifyInstance): void {
  server.addHook('preParsing', (request, _reply, payload, done) => {
    if (isReadCharset(request.headers['content-type'])) done(null, payload)
    else done(charsetUnknown())
  })
  server.removeAllContentTypeParsers()
  server.addContentTypeParser(/^application\/(?:[\w.+-]+\+)?json\b/, (request, payload, done) => {
    if (Number(request.headers['content-length']) > BODY_LIMIT_BYTES) return done(bodyTooLarge())
    readWhole(payload, (error, body) => {
      if (body === undefined) return done(error)
      try {
        const read = new JsonBody(body)
        done(null, request.routeOptions.config.leavesBodyUnread === true ? read : read.parse())
      } catch (parseError) {
        done(parseError as Error)
      }
    })
  })
}

// By events and not by iteration, which costs several turns of the event loop for a body of one piece.
function readWhole(payload: Readable, done: (error: Error | null, body?: Buffer) => void): void {
  const pieces: Buffer[] = []
  let bytes = 0
  const finish = (error?: Error) => {
    payload.off('data', onPiece).off('end', finish).off('error', finish)
    const [only = EMPTY] = pieces
    if (error === undefined) done(null, pieces.length > 1 ? Buffer.concat(pieces, bytes) : only)
    else done(error)
  }
  const onPiece = (piece: Buffer) => {
    bytes += piece.length
    pieces.push(piece)
    if (bytes <= BODY_LIMIT_BYTES) return
    // Without a reader a decompressor would go on inflating; a request must live on until it is answered.
    if (payload instanceof IncomingMessage) payload.pause()
    else payload.destroy()
    finish(bodyTooLarge())
  }
  payload.on('data', onPiece).on('end', finish).on('error', finish)
}

const EMPTY = Buffer.alloc(0)

// RFC 8259 knows no other; ASCII is a part of it.
function isReadCharset(contentType = ''): boolean {
  const charset = /;\s*charset\s*=\s*"?([^\s";]*)/i.exec(contentType)?.[1]
  return charset === undefined || /^(?:utf-?8|us-ascii)$/i.test(charset)
}

function charsetUnknown(): AppError {
  return new AppError('unsupported_media_type', 'the charset of the body must be utf-8')
}

function bodyTooLarge(): AppError {
  return new AppError('payload_too_large', 'the body is larger than 16 MiB; send it in parts')
}
