import { promisify } from 'node:util'
import { constants, zstdCompress, zstdDecompressSync } from 'node:zlib'
import { parseExactJson } from '../shared/json/exact-json.ts'
import type { UsageEvent } from '../shared/metering/usage-event.ts'

const compress = promisify(zstdCompress)

/** Events as one compressed string: a queue stores and moves a string many times cheaper than an object. */
export async function packUsageEvents(events: readonly UsageEvent[]): Promise<string> {
  const packed = await compress(JSON.stringify(events), { params: { [constants.ZSTD_c_compressionLevel]: 1 } })
  return packed.toString('base64')
}

/** The inverse of `packUsageEvents`; numbers keep the text that was sent. */
export function unpackUsageEvents(packed: string): UsageEvent[] {
  return parseExactJson(zstdDecompressSync(Buffer.from(packed, 'base64')).toString()) as UsageEvent[]
}
