import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { createWriteStream } from 'node:fs'
import { join } from 'node:path'
import { Transform } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { createZstdCompress } from 'node:zlib'
import type { ExportedEvent } from '../../../db/archives/export-month.ts'
import type { ArchiveFile } from './manifest.ts'

/** A file of an archive that is being written. */
export interface ArchiveFileWriter {
  readonly organizationId: number
  /** Added so far. */
  readonly events: number
  add(event: ExportedEvent): Promise<void>
  /** Resolves when all is on the disk. */
  close(): Promise<ArchiveFile>
}

/** Opens a file for the events of one organization, of which the first is given and still to be added. */
export function openArchiveFile(folder: string, name: string, first: ExportedEvent): ArchiveFileWriter {
  const compress = createZstdCompress()
  const hash = createHash('sha256')
  let [events, bytes, lastCustomerId] = [0, 0, first.customerId]
  const counting = new Transform({
    transform: (chunk: Buffer, _encoding, done) => {
      hash.update(chunk)
      bytes += chunk.length
      done(null, chunk)
    },
  })
  const written = pipeline(compress, counting, createWriteStream(join(folder, name), { flags: 'wx', flush: true }))
  // Whoever closes the file hears of it.
  written.catch(() => undefined)
  return {
    organizationId: first.organizationId,
    get events() {
      return events
    },
    add: async ({ customerId, json }) => {
      events += 1
      lastCustomerId = customerId
      if (!compress.write(`${json}\n`)) await Promise.race([once(compress, 'drain'), written])
    },
    close: async () => {
      compress.end()
      await written
      return {
        name,
        organization: first.organization,
        organization_id: first.organizationId,
        events,
        first_customer_id: first.customerId,
        last_customer_id: lastCustomerId,
        bytes,
        sha256: hash.digest('hex'),
      }
    },
  }
}
