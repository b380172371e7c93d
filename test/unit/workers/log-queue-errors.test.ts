import { EventEmitter } from 'node:events'
import { expect, test } from 'vitest'
import { logQueueErrors } from '../../../workers/log-queue-errors.ts'

function watched(running: readonly string[]) {
  const worker = new EventEmitter()
  const lines: unknown[][] = []
  const warn = (...line: unknown[]) => void lines.push(line)
  logQueueErrors(worker as unknown as Parameters<typeof logQueueErrors>[0], { warn } as never, (id) =>
    running.includes(id),
  )
  return { worker, lines }
}

// As BullMQ's lock manager reports it: once with all ids, and then an error for each.
function failRenewal(worker: EventEmitter, jobIds: readonly string[]) {
  worker.emit('lockRenewalFailed', jobIds)
  for (const id of jobIds) worker.emit('error', new Error(`could not renew lock for job ${id}`))
}

test('a broker that is away is one line, not one a poll', () => {
  const { worker, lines } = watched([])
  worker.emit('error', new Error('connect ECONNREFUSED'))
  worker.emit('error', new Error('connect ECONNREFUSED'))
  expect(lines).toEqual([[{ err: 'connect ECONNREFUSED' }, 'queue unavailable']])
})

test('the lost lock of a job that runs is told, and which', () => {
  const { worker, lines } = watched(['b'])
  failRenewal(worker, ['a', 'b'])
  expect(lines).toEqual([[{ jobs: ['b'] }, 'locks of running jobs lost; another worker may run them as well']])
})

test('a job that ended while locks were renewed is no news', () => {
  const { worker, lines } = watched([])
  failRenewal(worker, ['a'])
  expect(lines).toEqual([])
})
