import type { FastifyInstance } from 'fastify'
import type { OpenBodies } from '../open-bodies.ts'
import { serverOverloaded } from '../overloaded.ts'
import { readWhole } from '../whole-body.ts'

// The form has two short fields.
const FORM_LIMIT_BYTES = 16 * 1024

/** Reads what a browser sends of a form: the fields by name, each as text. */
export function registerFormBody(server: FastifyInstance, bodies: OpenBodies): void {
  const limits = { bodies, mostBytes: FORM_LIMIT_BYTES, overloaded: serverOverloaded }
  server.addContentTypeParser('application/x-www-form-urlencoded', (request, _payload, done) => {
    readWhole(request.raw, limits, (error, body) =>
      done(error, body && Object.fromEntries(new URLSearchParams(body.toString()))),
    )
  })
}
