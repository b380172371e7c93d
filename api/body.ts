import type { FastifyInstance } from 'fastify'
import { AppError } from '../shared/errors.ts'
import { JsonBody } from './json-body.ts'
import { readWhole } from './whole-body.ts'

declare module 'fastify' {
  interface FastifyContextConfig {
    /** The handler is given a JSON body as a `JsonBody`, and parses it or not. */
    leavesBodyUnread?: boolean
  }
}

/** JSON bodies keep the source text of their numbers; an empty body counts as none. No body has a charset but UTF-8. */
export function registerJsonBody(server: FastifyInstance): void {
  server.addHook('preParsing', (request, _reply, payload, done) => {
    if (isReadCharset(request.headers['content-type'])) done(null, payload)
    else done(charsetUnknown())
  })
  server.removeAllContentTypeParsers()
  server.addContentTypeParser(/^application\/(?:[\w.+-]+\+)?json\b/, (request, _payload, done) => {
    // What nobody asks for is not read either.
    if (request.is404) return done(null)
    readWhole(request.raw, (error, body) => {
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

// RFC 8259 knows no other; ASCII is a part of it.
function isReadCharset(contentType = ''): boolean {
  const charset = /;\s*charset\s*=\s*"?([^\s";]*)/i.exec(contentType)?.[1]
  return charset === undefined || /^(?:utf-?8|us-ascii)$/i.test(charset)
}

function charsetUnknown(): AppError {
  return new AppError('unsupported_media_type', 'the charset of the body must be utf-8')
}
