import { Readable } from 'node:stream'
import { describe, expect, test } from 'vitest'
import { BodyPieces } from '../../../api/body-pieces.ts'
import type { EventContext } from '../../../api/events/accept-events.ts'
import { acceptStream } from '../../../api/events/accept-stream.ts'
import type { EventGroup } from '../../../api/events/ingest-buffer.ts'
import { ingestOverloaded } from '../../../api/events/ingest-overloaded.ts'
import { OpenBodies } from '../../../api/open-bodies.ts'
import { AppError } from '../../../shared/errors.ts'

const bodies = new OpenBodies({ maxHeldBytes: 1024 * 1024, timeoutSeconds: 60 })

function piecesOf(stream: Readable): BodyPieces {
  return new BodyPieces({ source: stream, stream, isWhole: () => true, windowBytes: () => 0 }, bodies)
}

/** A place to send events to that answers as the test says; the gate is open unless the test closes it. */
function contextOf(add: (events: EventGroup) => Promise<void>, requireOpen: () => void = () => undefined) {
  return {
    ingestBuffer: { add: (_organization: number, _receipt: unknown, events: EventGroup) => add(events) },
    ingestGate: { requireOpen, accepted: () => undefined },
    organizationClock: { receivedAt: () => ({ micros: 0, frozen: false }) },
  } as unknown as EventContext
}

function lines(count: number, start = 0): Buffer {
  const texts = Array.from({ length: count }, (_, index) =>
    JSON.stringify({ transaction_id: `t${start + index}`, external_customer_id: 'acme', code: 'llm' }),
  )
  return Buffer.from(`${texts.join('\n')}\n`)
}

test('while nothing becomes durable, a bounded number of events is read', async () => {
  let read = 0
  function* endless() {
    for (;;) {
      read += 100
      yield lines(100)
    }
  }
  const stream = Readable.from(endless(), { objectMode: true, highWaterMark: 1 })
  const confirmed = Promise.withResolvers<void>()
  const outcome = acceptStream(
    contextOf(() => confirmed.promise),
    1,
    piecesOf(stream),
  )
  await expect.poll(() => read, { interval: 10 }).toBeGreaterThan(10_000)
  const readBefore = read
  for (let turn = 0; turn < 50; turn += 1) await new Promise((resolve) => setImmediate(resolve))
  expect(read).toBe(readBefore)
  expect(read).toBeLessThan(11_000)
  stream.destroy(new Error('gone'))
  confirmed.resolve()
  expect(await outcome).toMatchObject({ failure: expect.objectContaining({ message: 'gone' }) })
})

test('while nothing becomes durable, a bounded number of pieces is held, however small and useless they are', async () => {
  let read = 0
  function* dripping() {
    yield lines(1)
    for (; read < 5_000; read += 1) yield Buffer.from('x\n')
  }
  const confirmed = Promise.withResolvers<void>()
  const outcome = acceptStream(
    contextOf(() => confirmed.promise),
    1,
    piecesOf(Readable.from(dripping(), { objectMode: true, highWaterMark: 1 })),
  )
  await expect.poll(() => read, { interval: 10 }).toBeGreaterThan(900)
  for (let turn = 0; turn < 50; turn += 1) await new Promise((resolve) => setImmediate(resolve))
  expect(read).toBeLessThan(1_100)
  confirmed.resolve()
  expect(await outcome).toMatchObject({ progress: { accepted: 1, rejected: 5_000, durable_lines: 5_001 } })
})

test('when the queue fails, exactly the unbroken beginning is durable', async () => {
  const failures = [undefined, new Error('down'), undefined]
  const sent: number[] = []
  const context = contextOf(async (events) => {
    const failure = failures[sent.length]
    sent.push(events.count)
    if (failure !== undefined) throw failure
  })
  const pieces = [Buffer.concat([lines(3), Buffer.from('nonsense\n')]), lines(5, 3), lines(7, 8)]
  const outcome = await acceptStream(context, 1, piecesOf(Readable.from(pieces)))
  expect(outcome).toMatchObject({
    failure: expect.objectContaining({ message: 'down' }),
    progress: { accepted: 3, rejected: 1, durable_lines: 4, rejections: [{ line: 4 }] },
  })
})

test('a stream stands still while the gate is closed, and goes on when it opens', async () => {
  let looks = 0
  const context = contextOf(
    async () => undefined,
    () => {
      looks += 1
      if (looks < 3) throw ingestOverloaded('full', 1)
    },
  )
  const outcome = await acceptStream(context, 1, piecesOf(Readable.from([lines(5)])))
  expect(looks).toBe(3)
  expect(outcome).toEqual({ progress: { accepted: 5, rejected: 0, rejections: [], durable_lines: 5 } })
})

test('a gate that stays closed ends the stream with what came before it', async () => {
  let sections = 0
  const context = contextOf(
    async () => undefined,
    () => {
      sections += 1
      if (sections > 1) throw ingestOverloaded('full', 1)
    },
  )
  const outcome = await acceptStream(context, 1, piecesOf(Readable.from([lines(5), lines(5, 5)])), 10)
  expect(outcome).toMatchObject({
    failure: {
      code: 'ingest_overloaded',
      message: 'full; nothing is promised of the lines after durable_lines, send them again',
      retryAfterSeconds: expect.any(Number),
    },
    progress: { accepted: 5, durable_lines: 5 },
  })
})

test('a queue that does not confirm ends it with the same words', async () => {
  const unavailable = new AppError('queue_unavailable', 'the queue did not confirm; nothing is promised, send it again')
  const context = contextOf(() => Promise.reject(unavailable))
  expect(await acceptStream(context, 1, piecesOf(Readable.from([lines(5)])))).toMatchObject({
    failure: {
      code: 'queue_unavailable',
      message: 'the queue did not confirm; nothing is promised of the lines after durable_lines, send them again',
    },
    progress: { accepted: 0, durable_lines: 0 },
  })
})

describe('lines that are no events', () => {
  const context = () => contextOf(async () => undefined)

  async function cpuMsOf(body: Buffer, pieceBytes = 16_384) {
    const pieces: Buffer[] = []
    for (let at = 0; at < body.length; at += pieceBytes) pieces.push(body.subarray(at, at + pieceBytes))
    const before = process.cpuUsage()
    const outcome = await acceptStream(context(), 1, piecesOf(Readable.from(pieces)))
    const { user, system } = process.cpuUsage(before)
    return { outcome, cpuMs: (user + system) / 1000 }
  }

  test.each(['\n', '\r\n', ' \t\n'])('of a stream of blank ones %j each costs next to nothing', async (blank) => {
    const { outcome, cpuMs } = await cpuMsOf(Buffer.from(blank.repeat(1_000_000)))
    expect(outcome).toEqual({ progress: { accepted: 0, rejected: 0, rejections: [], durable_lines: 1_000_000 } })
    expect(cpuMs).toBeLessThan(2_000)
  })

  test('others get their turn while they are read', async () => {
    let turns = 0
    let isOver = false
    const count = () => {
      turns += 1
      if (!isOver) setImmediate(count)
    }
    setImmediate(count)
    const outcome = await acceptStream(context(), 1, piecesOf(Readable.from([Buffer.from('x\n'.repeat(20_000))])))
    isOver = true
    expect(outcome).toMatchObject({ progress: { rejected: 20_000, durable_lines: 20_000 } })
    expect(turns).toBeGreaterThanOrEqual(39)
  })

  test('more than a hundred thousand end the stream, and what came before counts', async () => {
    const piece = Buffer.concat([lines(1), Buffer.from('x\n'.repeat(999))])
    const read: number[] = []
    function* endless() {
      for (;;) {
        read.push(1)
        yield piece
      }
    }
    const outcome = await acceptStream(context(), 1, piecesOf(Readable.from(endless(), { highWaterMark: 1 })))
    expect(outcome).toMatchObject({
      failure: {
        code: 'validation_error',
        issues: [
          {
            loc: ['body', 100_501],
            msg: 'more than 100000 lines were rejected, so no more are read',
            type: 'too_many_rejected',
          },
        ],
      },
      progress: { accepted: 101, rejected: 100_400, durable_lines: 100_501 },
    })
    expect(read.length).toBeLessThan(110)
  })

  test('once the sender has gone, the work ends', async () => {
    const pieces = piecesOf(Readable.from([Buffer.from('x\n'.repeat(90_000))]))
    setTimeout(() => pieces.fail(new Error('gone')), 20)
    const { failure, progress } = await acceptStream(context(), 1, pieces)
    expect(failure).toMatchObject({ message: 'gone' })
    expect(progress.rejected).toBeLessThan(45_000)
  })
})
