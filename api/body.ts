import { isUtf8 } from 'node:buffer'
import type { FastifyInstance } from 'fastify'
import { type Issue, validationError } from '../shared/errors.ts'
import { parseExactJson } from '../shared/json/exact-json.ts'

/** The largest request body that is read. */
export const BODY_LIMIT_BYTES = 16 * 1024 * 1024

/** JSON bodies keep the source text of their numbers; an empty body counts as none. */
export function registerJsonBody(server: FastifyInstance): void {
  server.removeAllContentTypeParsers()
  server.addContentTypeParser(
    /^application\/(?:[\w.+-]+\+)?json\b/,
    { parseAs: 'buffer', bodyLimit: BODY_LIMIT_BYTES },
    (_request, body: Buffer, done) => {
      try {
        done(null, parseBody(body))
      } catch (error) {
        done(error as Error)
      }
    },
  )
}

function parseBody(body: Buffer): unknown {
  if (body.length === 0) return undefined
  if (!isUtf8(body)) throw invalidJson('the body is not UTF-8')
  try {
    return parseExactJson(body.toString())
  } catch (error) {
    throw invalidJson(error instanceof SyntaxError ? error.message : 'the body cannot be read')
  }
}

function invalidJson(msg: string): Error {
  const issue: Issue = { loc: ['body'], msg, type: 'json_invalid' }
  return validationError([issue])
}
