import type { FastifyRequest } from 'fastify'
import { expect, test } from 'vitest'
import { toAppError } from '../../../api/errors.ts'

const RESET = Object.assign(new Error('aborted'), { code: 'ECONNRESET' })

function answered(error: Error, ofRequest: Error | null) {
  const logged: [level: string, about: object][] = []
  const log = {
    info: (about: object) => logged.push(['info', about]),
    error: (about: object) => logged.push(['error', about]),
  }
  const request = { raw: { errored: ofRequest }, log, id: '1' } as unknown as FastifyRequest
  return [toAppError(error, request).code, logged]
}

test('a client that went away is no fault of ours', () => {
  expect(answered(RESET, RESET)).toEqual(['bad_request', [['info', { reason: 'aborted' }]]])
})

test('a connection of our own that broke is, whatever became of the client', () => {
  const expected = ['database_unavailable', [['error', { err: RESET }]]]
  expect(answered(RESET, null)).toEqual(expected)
  expect(answered(RESET, new Error('aborted'))).toEqual(expected)
})
