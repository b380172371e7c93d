import { constants, zstdCompressSync } from 'node:zlib'
import { expect, test } from 'vitest'
import { ZstdFrames } from '../../../api/zstd-frames.ts'

const LINES = Buffer.from(Array.from({ length: 5_000 }, (_, index) => `{"n":${(index * 7919) % 5003}}`).join('\n'))
const SKIPPABLE = Buffer.from([0x5a, 0x2a, 0x4d, 0x18, 3, 0, 0, 0, 1, 2, 3])

const FRAMES: readonly (readonly [string, Buffer])[] = [
  ['nothing', zstdCompressSync('')],
  ['a short text', zstdCompressSync('{"a":1}')],
  ['many blocks', zstdCompressSync(Buffer.concat([LINES, LINES, LINES, LINES]))],
  ['one byte repeated', zstdCompressSync(Buffer.alloc(400_000, 'x'))],
  ['a checksum', zstdCompressSync(LINES, { params: { [constants.ZSTD_c_checksumFlag]: 1 } })],
  ['no content size', zstdCompressSync(LINES, { params: { [constants.ZSTD_c_contentSizeFlag]: 0 } })],
  ['what is to be skipped', SKIPPABLE],
]

function isWhole(body: Uint8Array, pieceBytes = body.length): boolean {
  const frames = new ZstdFrames()
  for (let at = 0; at < body.length; at += pieceBytes) frames.push(body.subarray(at, at + pieceBytes))
  return frames.isWhole
}

test.each(FRAMES)('a frame of %s is whole at its end and nowhere before', (_name, frame) => {
  expect(isWhole(frame)).toBe(true)
  expect(isWhole(frame, 1)).toBe(true)
  expect(isWhole(Buffer.concat([frame, frame]), 7)).toBe(true)
  for (let end = 1; end < frame.length; end += 1) {
    expect(isWhole(frame.subarray(0, end))).toBe(false)
    expect(isWhole(Buffer.concat([frame, frame.subarray(0, end)]), 100)).toBe(false)
  }
})

test.each(['x', '\n', '\0\0\0\0', 'plain text'])('behind a frame %j is none', (more) => {
  expect(isWhole(Buffer.concat([zstdCompressSync('a'), Buffer.from(more)]))).toBe(false)
})

test.each([17, 21, 23])('a frame with a window of 2^%i bytes says so', (windowLog) => {
  const params = { [constants.ZSTD_c_windowLog]: windowLog, [constants.ZSTD_c_contentSizeFlag]: 0 }
  const frames = new ZstdFrames()
  frames.push(zstdCompressSync(Buffer.concat(Array.from({ length: 200 }, () => LINES)), { params }))
  expect(frames.windowBytes).toBe(2 ** windowLog)
})

test('one that is kept as a whole has a window without end', () => {
  const frames = new ZstdFrames()
  frames.push(zstdCompressSync('{"a":1}'))
  expect(frames.windowBytes).toBe(Number.POSITIVE_INFINITY)
})
