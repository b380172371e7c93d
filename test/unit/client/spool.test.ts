import {
  cpSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { frameBytes } from '../../../client/src/spool/frame.ts'
import { Spool, type SpoolSettings } from '../../../client/src/spool/spool.ts'

// They wait for the disk hundreds of times.
const DISK_TIMEOUT_MS = 120_000

let folder: string
let open: Spool | undefined
let told: string[]

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'tabkeeper-spool-'))
  told = []
})
afterEach(async () => {
  await open?.close()
  open = undefined
  rmSync(folder, { recursive: true, force: true })
})

async function openSpool(settings: Partial<SpoolSettings> = {}): Promise<Spool> {
  open = await Spool.open(
    {
      spoolDirectory: folder,
      producer: 'test',
      lockWaitMs: 0,
      maxSpoolBytes: 10_000_000,
      fsync: 'always',
      ...settings,
    },
    { onLost: () => told.push('lost'), onError: ({ code }) => told.push(code) },
  )
  return open
}

async function closeSpool(): Promise<void> {
  await open?.close()
  open = undefined
}

async function append(spool: Spool, texts: readonly string[]): Promise<number[]> {
  return await Promise.all(texts.map((text) => spool.append(Buffer.from(text))))
}

/** All that is left to send, settling it on the way. */
async function drain(spool: Spool, maxEvents = 3): Promise<[number, string][]> {
  const events: [number, string][] = []
  for (;;) {
    const batch = await spool.readBatch(maxEvents)
    if (batch.events.length === 0) return events
    events.push(...batch.events.map(({ sequence, text }): [number, string] => [sequence, text]))
    await spool.settle(batch, [])
  }
}

function segmentFiles(): string[] {
  return readdirSync(folder)
    .filter((name) => name.endsWith('.segment'))
    .sort()
    .map((name) => join(folder, name))
}

function newestSegment(): string {
  return segmentFiles().at(-1) as string
}

const TEXTS = ['{"n":1}', '{"name":"two"}', '{"three":"3.00"}', '{"n":"vier – 4"}']

describe('events in the spool', () => {
  test('are numbered from 1 without a gap, in the order of recording, over any number of openings', async () => {
    expect(await append(await openSpool(), TEXTS.slice(0, 2))).toEqual([1, 2])
    await closeSpool()
    expect(await append(await openSpool(), TEXTS.slice(2))).toEqual([3, 4])
    await closeSpool()
    expect(await drain(await openSpool())).toEqual(TEXTS.map((text, index) => [index + 1, text]))
    await closeSpool()
    const spool = await openSpool()
    expect([await drain(spool), await append(spool, ['{}'])]).toEqual([[], [5]])
  })

  test('keep the name of the producer of the first opening, with digits of its own', async () => {
    const { producerId } = await openSpool()
    expect(producerId).toMatch(/^test\.[0-9a-f]{16}$/)
    await closeSpool()
    expect((await openSpool({ producer: 'renamed' })).producerId).toBe(producerId)
  })

  test('are sent again when the note of what is settled is lost, and never numbered anew', async () => {
    const spool = await openSpool()
    await append(spool, TEXTS)
    await drain(spool)
    await closeSpool()
    rmSync(join(folder, 'progress.json'))
    const reopened = await openSpool()
    expect(await drain(reopened)).toHaveLength(4)
    expect(await append(reopened, ['{}'])).toEqual([5])
  })

  test('leave the disk with their segment once all of it is settled', async () => {
    const spool = await openSpool({ maxSpoolBytes: 65_536 })
    const text = JSON.stringify({ filler: 'x'.repeat(1_000) })
    for (let round = 0; round < 10; round += 1) {
      await append(
        spool,
        Array.from({ length: 20 }, () => text),
      )
      expect(await drain(spool)).toHaveLength(20)
    }
    expect(spool.lastSequence).toBe(200)
    expect(segmentFiles().length).toBeLessThanOrEqual(2)
  })

  test('are refused beyond the bound of the disk, and taken again when there is room', async () => {
    const spool = await openSpool({ maxSpoolBytes: 65_536 })
    const text = JSON.stringify({ filler: 'x'.repeat(4_000) })
    const recorded: number[] = []
    const fill = async () => {
      for (;;) recorded.push(...(await append(spool, [text])))
    }
    await expect(fill()).rejects.toMatchObject({ code: 'spool_full' })
    expect(recorded.length * frameBytes(text.length)).toBeLessThanOrEqual(65_536)
    expect(await drain(spool)).toHaveLength(recorded.length)
    expect(await append(spool, [text])).toEqual([recorded.length + 1])
  })

  test('are refused beyond the bound when they come all at once as well', async () => {
    const spool = await openSpool({ maxSpoolBytes: 65_536 })
    const recorded = await Promise.allSettled(Array.from({ length: 3_000 }, () => spool.append(Buffer.from('{"n":1}'))))
    const kept = recorded.filter(({ status }) => status === 'fulfilled').length
    expect(kept * frameBytes(7)).toBeLessThanOrEqual(65_536)
    expect(segmentFiles().reduce((sum, path) => sum + statSync(path).size, 0)).toBe(kept * frameBytes(7))
  })

  test('belong to one client at a time', async () => {
    await openSpool()
    const second = Spool.open(
      { spoolDirectory: folder, producer: 'test', lockWaitMs: 0, maxSpoolBytes: 100_000, fsync: 'always' },
      { onLost: () => undefined, onError: () => undefined },
    )
    await expect(second).rejects.toMatchObject({ code: 'spool_locked' })
  })

  test.each([
    ['a process that is gone', { pid: 2 ** 22 - 1, startedAt: '1' }],
    ['a process whose number was given out again', { pid: process.ppid, startedAt: '1' }],
  ])('are free again after %s', async (_, owner) => {
    await leaveLock(owner)
    expect(await append(await openSpool(), ['{}'])).toEqual([1])
  })

  test.each([
    ['on another host', { host: 'elsewhere' }],
    ['in another container of the same name', { pidNamespace: 'pid:[1]' }],
    ['on another machine of the same name', { bootId: 'another' }],
  ])('belong to a process %s for as long as it was heard of in the last minute', async (_, owner) => {
    await leaveLock({ pid: 2 ** 22 - 1, startedAt: '1', ...owner })
    await expect(openSpool()).rejects.toMatchObject({ code: 'spool_locked' })
    letBeSilent(60_001)
    expect(await append(await openSpool(), ['{}'])).toEqual([1])
  })

  test('are waited for as long as the opening may, and no longer', async () => {
    await leaveLock({ host: 'elsewhere' })
    letBeSilent(59_700)
    await expect(openSpool({ lockWaitMs: 10 })).rejects.toThrow(/on elsewhere: .* after 60 s .*lockWaitMs/)
    expect(await append(await openSpool({ lockWaitMs: 10_000 }), ['{}'])).toEqual([1])
  })

  /** Leaves the lock of another process behind. */
  async function leaveLock(owner: object): Promise<void> {
    await openSpool()
    const lock = JSON.parse(readFileSync(join(folder, 'lock'), 'utf8')) as object
    await closeSpool()
    writeFileSync(join(folder, 'lock'), JSON.stringify({ ...lock, ...owner }))
  }

  function letBeSilent(forMs: number): void {
    const last = new Date(Date.now() - forMs)
    utimesSync(join(folder, 'lock'), last, last)
  }
})

describe('after a crash', () => {
  test(
    'at every byte of the newest segment, whole events are kept, the torn one goes, and new ones are read',
    async () => {
      const spool = await openSpool()
      for (const text of TEXTS) await append(spool, [text])
      await closeSpool()
      const whole = readFileSync(newestSegment())
      const ends = TEXTS.map((_, index) =>
        TEXTS.slice(0, index + 1).reduce((sum, text) => sum + frameBytes(Buffer.byteLength(text)), 0),
      )
      for (let length = 0; length <= whole.length; length += 1) {
        writeFileSync(newestSegment(), whole.subarray(0, length))
        const kept = ends.filter((end) => end <= length).length
        const torn = await openSpool()
        expect(torn.damaged).toEqual([])
        expect(statSync(newestSegment()).size).toBe(ends[kept - 1] ?? 0)
        expect(await append(torn, ['{"new":true}'])).toEqual([kept + 1])
        await closeSpool()
        const texts = [...TEXTS.slice(0, kept), '{"new":true}']
        expect(await drain(await openSpool())).toEqual(texts.map((text, index) => [index + 1, text]))
        await closeSpool()
        rmSync(join(folder, 'progress.json'))
      }
    },
    DISK_TIMEOUT_MS,
  )

  test('of which an earlier page of the last write was lost, the whole write goes: nobody was told of it', async () => {
    const spool = await openSpool()
    await append(spool, TEXTS.slice(0, 1))
    await append(spool, TEXTS.slice(1))
    await closeSpool()
    const bytes = readFileSync(newestSegment())
    bytes.fill(0, frameBytes(TEXTS[0]!.length) + 2, frameBytes(TEXTS[0]!.length) + 30)
    writeFileSync(newestSegment(), bytes)
    const reopened = await openSpool()
    expect([reopened.damaged, await drain(reopened)]).toEqual([[], [[1, TEXTS[0]]]])
  })

  test('that spoilt an event that was safe, the file is kept, its loss told, and all others are sent', async () => {
    const spool = await openSpool()
    for (const text of TEXTS) await append(spool, [text])
    await closeSpool()
    const bytes = readFileSync(newestSegment())
    const at = frameBytes(TEXTS[0]!.length) + 26
    bytes.writeUInt8(bytes.readUInt8(at) ^ 1, at)
    writeFileSync(newestSegment(), bytes)
    const reopened = await openSpool()
    expect(reopened.damaged).toHaveLength(1)
    expect(readFileSync(reopened.damaged[0] as string)).toEqual(bytes)
    expect((await drain(reopened)).map(([sequence]) => sequence)).toEqual([1, 3, 4])
    expect(await append(reopened, ['{}'])).toEqual([5])
  })

  test(
    'anywhere in any history, what was recorded is sent in order and nothing else',
    async () => {
      const history = fc.record({
        groups: fc.array(fc.integer({ min: 1, max: 8 }), { minLength: 1, maxLength: 8 }),
        settledBatches: fc.integer({ min: 0, max: 4 }),
        tornBytes: fc.integer({ min: 0, max: 60 }),
        noise: fc.boolean(),
      })
      await fc.assert(
        fc.asyncProperty(fc.array(history, { minLength: 1, maxLength: 3 }), async (lives) => {
          rmSync(folder, { recursive: true, force: true })
          const recorded = new Map<number, string>()
          const sent = new Map<number, string>()
          for (const { groups, settledBatches, tornBytes, noise } of lives) {
            const spool = await openSpool({ maxSpoolBytes: 65_536 })
            for (const size of groups) {
              const texts = Array.from({ length: size }, (_, index) => JSON.stringify({ life: recorded.size, index }))
              const sequences = await append(spool, texts)
              for (const [index, sequence] of sequences.entries()) recorded.set(sequence, texts[index] as string)
            }
            for (let batches = 0; batches < settledBatches; batches += 1) {
              const batch = await spool.readBatch(3)
              if (batch.events.length === 0) break
              for (const { sequence, text } of batch.events) sent.set(sequence, text)
              await spool.settle(batch, [])
            }
            await closeSpool()
            tear(tornBytes, noise)
          }
          for (const [sequence, text] of await drain(await openSpool())) sent.set(sequence, text)
          await closeSpool()
          expect([...sent].toSorted(([one], [other]) => one - other)).toEqual([...recorded])
          expect([...recorded.keys()]).toEqual([...recorded.keys()].map((_, index) => index + 1))
        }),
        { numRuns: 30 },
      )
    },
    DISK_TIMEOUT_MS,
  )

  // A process that dies while it writes leaves the beginning of a frame that nobody was told of.
  function tear(bytes: number, noise: boolean): void {
    const path = newestSegment()
    const copy = `${path}.copy`
    cpSync(path, copy)
    const whole = readFileSync(copy)
    rmSync(copy)
    const beginning = whole.length > 0 ? whole.subarray(0, Math.min(bytes, frameBytes(8))) : Buffer.alloc(0)
    writeFileSync(path, Buffer.concat([whole, noise ? Buffer.alloc(bytes, 0x7b) : beginning.subarray(0, -1)]))
  }

  test('in a segment that was complete, a cut is damage and not a torn end', async () => {
    const spool = await openSpool({ maxSpoolBytes: 65_536 })
    const text = JSON.stringify({ filler: 'x'.repeat(6_000) })
    for (let count = 0; count < 8; count += 1) await append(spool, [text])
    await closeSpool()
    const [oldest] = segmentFiles() as [string]
    truncateSync(oldest, readFileSync(oldest).length - 10)
    const reopened = await openSpool({ maxSpoolBytes: 65_536 })
    expect(reopened.damaged).toHaveLength(1)
    expect(await drain(reopened)).toHaveLength(7)
  })
})
