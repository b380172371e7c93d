import type { FastifyInstance } from 'fastify'
import { AppError } from '../shared/errors.ts'
import { bodiesOverloaded } from './events/ingest-overloaded.ts'
import { JsonBody } from './json-body.ts'
import type { OpenBodies } from './open-bodies.ts'
import { serverOverloaded } from './overloaded.ts'
import { BODY_LIMIT_BYTES, readWhole } from './whole-body.ts'

declare module 'fastify' {
  interface FastifyContextConfig {
    /** The route takes in events: its handler is given a JSON body as a `JsonBody`, and parses it or not. */
    leavesBodyUnread?: boolean
  }
}

/** JSON bodies keep the source text of their numbers; an empty body counts as none. No body has a charset but UTF-8. */
export function registerJsonBody(server: FastifyInstance, bodies: OpenBodies): void {
  const limits = { bodies, mostBytes: BODY_LIMIT_BYTES, overloaded: serverOverloaded }
  const ingestLimits = { ...limits, overloaded: bodiesOverloaded }
  server.addHook('preParsing', (request, _reply, payload, done) => {
    if (isReadCharset(request.headers['content-type'])) done(null, payload)
    else done(charsetUnknown())
  })
  server.removeAllContentTypeParsers()
  server.addContentTypeParser(/^application\/(?:[\w.+-]+\+)?json\b/, (request, _payload, done) => {
    // What nobody asks for is not read either.
    if (request.is404) return done(null)
    const { leavesBodyUnread } = request.routeOptions.config
    readWhole(request.raw, leavesBodyUnread === true ? ingestLimits : limits, (error, body) => {
      if (body === undefined) return done(error)
      try {
        const read = new JsonBody(body)
        done(null, leavesBodyUnread === true ? read : read.parse())
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
