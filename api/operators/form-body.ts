import type { FastifyInstance } from 'fastify'
import { readWhole } from '../whole-body.ts'

// The form has two short fields.
const FORM_LIMIT_BYTES = 16 * 1024

/** Reads what a browser sends of a form: the fields by name, each as text. */
export function registerFormBody(server: FastifyInstance): void {
  server.addContentTypeParser('application/x-www-form-urlencoded', (request, _payload, done) => {
    const onRead = (error: Error | null, body?: Buffer) =>
      done(error, body && Object.fromEntries(new URLSearchParams(body.toString())))
    readWhole(request.raw, onRead, FORM_LIMIT_BYTES)
  })
}
