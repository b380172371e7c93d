import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmdirSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { Spool } from '../../../client/src/spool/spool.ts'
import { diskError, openFiles } from '../../support/failing-disk.ts'

let folder: string
let spool: Spool
let told: string[]

const FILLER = 'x'.repeat(6_000)

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'tabkeeper-lost-'))
  told = []
  spool = await open()
})
afterEach(async () => {
  vi.restoreAllMocks()
  await spool.close()
  rmSync(folder, { recursive: true, force: true })
})

async function open(): Promise<Spool> {
  return await Spool.open(
    { spoolDirectory: folder, producer: 'test', lockWaitMs: 0, maxSpoolBytes: 65_536, fsync: 'always' },
    { onLost: () => told.push('lost'), onError: ({ code, message }) => told.push(`${code} ${message}`) },
  )
}

/** Eight events, two in a segment. */
async function fill(): Promise<readonly [string, string, string, string]> {
  for (let count = 0; count < 8; count += 1) await append()
  const names = readdirSync(folder).filter((name) => name.endsWith('.segment'))
  return names.sort().map((name) => join(folder, name)) as [string, string, string, string]
}

async function append(): Promise<number> {
  return await spool.append(Buffer.from(JSON.stringify({ filler: FILLER })))
}

async function drain(): Promise<number[]> {
  const sequences: number[] = []
  while (spool.settledThrough < spool.lastSequence) {
    const batch = await spool.readBatch(3)
    sequences.push(...batch.events.map(({ sequence }) => sequence))
    if (batch.events.length > 0) await spool.settle(batch, [])
  }
  return sequences
}

/** Changes one byte of the first event. */
function spoil(path: string): Buffer {
  const bytes = readFileSync(path)
  bytes.writeUInt8(bytes.readUInt8(100) ^ 1, 100)
  writeFileSync(path, bytes)
  return bytes
}

describe('while the client runs', () => {
  test('a spoilt segment is kept under another name, its loss told, and all other events are sent', async () => {
    const [, second] = await fill()
    const bytes = spoil(second)
    expect(await drain()).toEqual([1, 2, 4, 5, 6, 7, 8])
    const kept = readdirSync(folder).find((name) => name.includes('.damaged-')) ?? ''
    expect(readFileSync(join(folder, kept))).toEqual(bytes)
    expect(told).toEqual([
      `spool_damaged 1 of the events of ${join(folder, kept)} cannot be read any more; all others are sent`,
    ])
  })

  test('a spoilt segment that is still written is left, and what is recorded next is sent too', async () => {
    const [, , , newest] = await fill()
    spoil(newest)
    expect(await drain()).toEqual([1, 2, 3, 4, 5, 6, 8])
    expect([await append(), await drain()]).toEqual([9, [9]])
    expect(told).toHaveLength(1)
  })

  test('a segment that was deleted is told as lost, and all other events are sent', async () => {
    const [, second] = await fill()
    rmSync(second)
    expect(await drain()).toEqual([1, 2, 5, 6, 7, 8])
    expect(told).toEqual([`spool_damaged 2 of the events of ${second} cannot be read any more; all others are sent`])
  })

  test('a segment that was cut short is told as lost from there on', async () => {
    const [oldest] = await fill()
    truncateSync(oldest, readFileSync(oldest).length / 2)
    expect(await drain()).toEqual([1, 3, 4, 5, 6, 7, 8])
    expect(told).toHaveLength(1)
  })

  test('a segment that was deleted while it is written loses nothing: its writer still has it', async () => {
    const [, , , newest] = await fill()
    rmSync(newest)
    expect(await drain()).toEqual([1, 2, 3, 4, 5, 6, 7, 8])
    expect([await append(), await drain(), told]).toEqual([9, [9], []])
  })

  test('a segment that was deleted before the next event is recorded loses nothing either', async () => {
    const [, , , newest] = await fill()
    rmSync(newest)
    expect([await append(), await drain(), told]).toEqual([9, [1, 2, 3, 4, 5, 6, 7, 8, 9], []])
  })

  test('a folder that was removed takes no event any more, and is told once', async () => {
    await fill()
    rmSync(folder, { recursive: true })
    await expect(append()).rejects.toMatchObject({ code: 'spool_lock_lost' })
    await expect(spool.readBatch(3)).rejects.toMatchObject({ code: 'spool_lock_lost' })
    expect(told).toEqual(['lost'])
  })

  test('a folder that another process has taken keeps the progress of that one', async () => {
    await fill()
    mkdirSync(join(folder, 'progress.json.written'))
    await spool.settle(await spool.readBatch(1), [])
    rmdirSync(join(folder, 'progress.json.written'))
    writeFileSync(join(folder, 'lock'), '{"token":"another"}')
    writeFileSync(join(folder, 'progress.json'), '{"settled_through":2,"unreported":[]}')
    await spool.close()
    expect(readFileSync(join(folder, 'progress.json'), 'utf8')).toContain('"settled_through":2')
    expect(readFileSync(join(folder, 'lock'), 'utf8')).toContain('another')
  })

  test('a disk that does not answer costs no event', async () => {
    await fill()
    const read = vi.spyOn(await openFiles(), 'read').mockRejectedValue(diskError('EIO'))
    await expect(spool.readBatch(3)).rejects.toMatchObject({ code: 'spool_unreadable' })
    read.mockRestore()
    expect([await drain(), told]).toEqual([[1, 2, 3, 4, 5, 6, 7, 8], []])
  })
})

test('events at the very end that were lost before the opening are told, and waited for no longer', async () => {
  const [, , third, newest] = await fill()
  await spool.close()
  truncateSync(third, readFileSync(third).length / 2)
  truncateSync(newest, 0)
  spool = await open()
  expect(await drain()).toEqual([1, 2, 3, 4, 5])
  expect([told, await append()]).toEqual([['spool_damaged events 6 to 6 are not in the spool any more'], 7])
})
