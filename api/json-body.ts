import { isUtf8 } from 'node:buffer'
import type { FastifyRequest } from 'fastify'
import { type Issue, validationError } from '../shared/errors.ts'
import { parseExactJson } from '../shared/json/exact-json.ts'
import { findNotFinite } from './not-finite.ts'
import { findOversize } from './oversize-body.ts'

/** A body that is to be JSON, as it came. */
export class JsonBody {
  readonly bytes: Buffer

  constructor(bytes: Buffer) {
    this.bytes = bytes
  }

  /** Its value, undefined where it is empty. Throws `validation_error` where it is no JSON, or asks for too much work. */
  parse(): unknown {
    const { bytes } = this
    if (bytes.length === 0) return undefined
    if (!isUtf8(bytes)) throw invalidJson('the body is not UTF-8')
    const oversize = findOversize(bytes)
    if (oversize !== undefined) throw validationError([oversize])
    const text = bytes.toString()
    try {
      return parseExactJson(text)
    } catch (error) {
      const notFinite = findNotFinite(text)
      if (notFinite !== undefined) throw validationError([notFinite])
      throw invalidJson(error instanceof SyntaxError ? error.message : 'the body cannot be read')
    }
  }
}

const NO_BYTES = Buffer.alloc(0)

/** Takes the body of a request to a route that leaves it unread, which lets go of it: the request lives through the wait. */
export function takeUnreadBody(request: FastifyRequest): JsonBody {
  const { body } = request
  request.body = undefined
  return body instanceof JsonBody ? body : new JsonBody(NO_BYTES)
}

function invalidJson(msg: string): Error {
  const issue: Issue = { loc: ['body'], msg, type: 'json_invalid' }
  return validationError([issue])
}
