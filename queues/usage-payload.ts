import { constants, zstdCompressSync, zstdDecompressSync } from 'node:zlib'

// Output comes in chunks, and each costs as much as compressing some events: one or two shall do.
const MIN_CHUNK_BYTES = 1_024
const MAX_CHUNK_BYTES = 2 * 1024 * 1024
// What a list shrinks to, and what it grows to again, in the usual case.
const SHRINKS_BY = 2
const GROWS_BY = 5

/**
 * Bytes as one compressed string: a queue stores and moves a string many times cheaper than anything else. It takes a
 * millisecond for a thousand events; a thread of the pool would wait longer than that for a processor that is busy.
 */
export function packUsage(lists: readonly Buffer[]): string {
  const list = lists.length === 1 ? (lists[0] as Buffer) : Buffer.concat(lists)
  const packed = zstdCompressSync(list, {
    chunkSize: chunkBytes(list.length / SHRINKS_BY),
    params: { [constants.ZSTD_c_compressionLevel]: 1 },
  })
  return packed.toString('base64')
}

/** The inverse of `packUsage`: the lists one after the other. */
export function unpackUsage(packed: string): Buffer {
  const bytes = Buffer.from(packed, 'base64')
  return zstdDecompressSync(bytes, { chunkSize: chunkBytes(bytes.length * GROWS_BY) })
}

function chunkBytes(expected: number): number {
  return Math.min(Math.max(Math.ceil(expected), MIN_CHUNK_BYTES), MAX_CHUNK_BYTES)
}
