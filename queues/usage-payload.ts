import { promisify } from 'node:util'
import { constants, zstdCompress, zstdDecompressSync } from 'node:zlib'

const compress = promisify(zstdCompress)

/** Bytes as one compressed string: a queue stores and moves a string many times cheaper than anything else. */
export async function packUsage(lists: readonly Buffer[]): Promise<string> {
  const list = lists.length === 1 ? (lists[0] as Buffer) : Buffer.concat(lists)
  const packed = await compress(list, { params: { [constants.ZSTD_c_compressionLevel]: 1 } })
  return packed.toString('base64')
}

/** The inverse of `packUsage`: the lists one after the other. */
export function unpackUsage(packed: string): Buffer {
  return zstdDecompressSync(Buffer.from(packed, 'base64'))
}
