import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import type { FileHandle } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { Spool, type SpoolSettings } from '../../../client/src/spool/spool.ts'
import { diskError, openFiles } from '../../support/failing-disk.ts'

let folder: string
let files: FileHandle
let errors: string[]

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'tabkeeper-failed-'))
  files = await openFiles()
  errors = []
})
afterEach(() => {
  vi.restoreAllMocks()
  rmSync(folder, { recursive: true, force: true })
})

async function openSpool(fsync: SpoolSettings['fsync'] = 'always'): Promise<Spool> {
  return await Spool.open(
    { spoolDirectory: folder, producer: 'test', lockWaitMs: 0, maxSpoolBytes: 100_000, fsync },
    { onLost: () => undefined, onError: ({ code }) => errors.push(code) },
  )
}

async function record(spool: Spool, ...texts: readonly string[]): Promise<number[]> {
  return await Promise.all(texts.map((text) => spool.append(Buffer.from(text))))
}

async function drain(spool: Spool): Promise<[number, string][]> {
  const events: [number, string][] = []
  for (;;) {
    const batch = await spool.readBatch(3)
    if (batch.events.length === 0) return events
    events.push(...batch.events.map(({ sequence, text }): [number, string] => [sequence, text]))
    await spool.settle(batch, [])
  }
}

function failSyncOnce(): void {
  vi.spyOn(files, 'datasync').mockRejectedValueOnce(diskError('EIO'))
}

test('an event whose sync failed is never sent, however long the disk takes to cut it off', async () => {
  const spool = await openSpool()
  await record(spool, '{"safe":1}')
  let cutOff: (() => void) | undefined
  const truncate = Object.getOwnPropertyDescriptor(files, 'truncate')?.value as FileHandle['truncate']
  vi.spyOn(files, 'truncate').mockImplementationOnce(async function (this: FileHandle, bytes) {
    await new Promise<void>((resolve) => {
      cutOff = resolve
    })
    return await truncate.call(this, bytes)
  })
  failSyncOnce()
  const refused = record(spool, '{"refused":2}').catch((error: unknown) => error)
  await vi.waitFor(() => expect(cutOff).toBeDefined())
  expect(await drain(spool)).toEqual([[1, '{"safe":1}']])
  cutOff?.()
  expect(await refused).toMatchObject({ code: 'spool_write_failed' })
  expect(await record(spool, '{"safe":2}', '{"safe":3}')).toEqual([2, 3])
  expect(await drain(spool)).toEqual([
    [2, '{"safe":2}'],
    [3, '{"safe":3}'],
  ])
  await spool.close()
})

test.each([
  [['{"safe":1}'], ['{"safe":2}', '{"safe":3}']],
  [[], ['{"safe":1}', '{"safe":2}']],
  [['{"safe":1}'], []],
  [[], []],
])(
  'behind %j and before %j, an event that failed and cannot be cut off is none after a restart',
  async (before, after) => {
    const spool = await openSpool()
    await record(spool, ...before)
    const truncate = vi.spyOn(files, 'truncate').mockRejectedValue(diskError('EIO'))
    failSyncOnce()
    await expect(record(spool, '{"refused":1}', '{"refused":2}')).rejects.toMatchObject({ code: 'spool_write_failed' })
    for (const text of after) await record(spool, text)
    await spool.close()
    truncate.mockRestore()
    const reopened = await openSpool()
    expect(reopened.damaged).toEqual([])
    expect(await drain(reopened)).toEqual([...before, ...after].map((text, index) => [index + 1, text]))
    await reopened.close()
    expect(readdirSync(folder).filter((name) => name.includes('damaged'))).toEqual([])
  },
)

test('with the interval, what is recorded is brought to the disk within about a second, though nothing is sent', async () => {
  const spool = await openSpool('interval')
  const sync = vi.spyOn(files, 'datasync')
  await record(spool, '{"n":1}', '{"n":2}')
  await record(spool, '{"n":3}')
  expect(sync).not.toHaveBeenCalled()
  await vi.waitFor(() => expect(sync).toHaveBeenCalledTimes(1), { timeout: 3_000 })
  await spool.close()
})

test('with the interval, a disk that fails is told', async () => {
  const spool = await openSpool('interval')
  failSyncOnce()
  await record(spool, '{"n":1}')
  await vi.waitFor(() => expect(errors).toEqual(['spool_write_failed']), { timeout: 3_000 })
  await spool.close()
})
