import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { join } from 'node:path'
import { Transform } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { createZstdDecompress } from 'node:zlib'
import { CommandError } from '../command-error.ts'
import type { ArchiveFile } from './manifest.ts'

/** The events of a file, each as its JSON. Throws after the last one when the file is not what was written. */
export async function* readArchiveFile(folder: string, { name, sha256 }: ArchiveFile): AsyncGenerator<string, void> {
  const path = join(folder, name)
  const hash = createHash('sha256')
  const hashing = new Transform({
    transform: (chunk: Buffer, _encoding, done) => {
      hash.update(chunk)
      done(null, chunk)
    },
  })
  const decompress = createZstdDecompress()
  const read = pipeline(createReadStream(path), hashing, decompress)
  // The reader of what is decompressed hears of it.
  read.catch(() => undefined)
  try {
    yield* linesOf(decompress.setEncoding('utf8'))
    await read
  } catch (error) {
    throw new CommandError('failed', `${path} cannot be read: ${(error as Error).message}`, { cause: error })
  }
  if (hash.digest('hex') !== sha256) throw new CommandError('failed', `${path} is not what was written.`)
}

// Only a line feed ends a line: other separators may stand inside of JSON.
async function* linesOf(chunks: AsyncIterable<string>): AsyncGenerator<string, void> {
  let rest = ''
  for await (const chunk of chunks) {
    const lines = `${rest}${chunk}`.split('\n')
    rest = lines.pop() ?? ''
    yield* lines
  }
  if (rest !== '') yield rest
}
