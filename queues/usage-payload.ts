import { promisify } from 'node:util'
import { constants, zstdCompress, zstdDecompressSync } from 'node:zlib'
import { parseExactJson } from '../shared/json/exact-json.ts'
import type { UsageEvent } from '../shared/metering/usage-event.ts'

const compress = promisify(zstdCompress)

/**
 * Events as one compressed string: a queue stores and moves a string many times cheaper than an object. They come as
 * JSON texts of `UsageEvent[]`, none of them empty.
 */
export async function packUsageEvents(lists: readonly string[]): Promise<string> {
  const list = lists.length === 1 ? (lists[0] as string) : `[${lists.map((text) => text.slice(1, -1)).join(',')}]`
  const packed = await compress(list, { params: { [constants.ZSTD_c_compressionLevel]: 1 } })
  return packed.toString('base64')
}

/** The inverse of `packUsageEvents`; numbers keep the text that was sent. */
export function unpackUsageEvents(packed: string): UsageEvent[] {
  return parseExactJson(zstdDecompressSync(Buffer.from(packed, 'base64')).toString()) as UsageEvent[]
}
