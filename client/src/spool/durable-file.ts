import { type FileHandle, open, readFile, rename, rm } from 'node:fs/promises'
import { dirname } from 'node:path'

/** Puts a file in the place of another: whoever reads it, even after a power failure, sees the old or the new one. */
export async function replaceFile(path: string, content: string | Buffer): Promise<void> {
  const written = `${path}.written`
  const file = await open(written, 'w')
  try {
    await file.writeFile(content)
    await file.sync()
  } finally {
    await file.close()
  }
  await rename(written, path)
}

/** Creates a file that must not be there yet; after a failure it is not there. */
export async function createFile(path: string, content: string): Promise<void> {
  const file = await open(path, 'wx')
  try {
    await file.writeFile(content)
  } catch (error) {
    await rm(path, { force: true })
    throw error
  } finally {
    await file.close()
  }
}

/** Makes what was created, renamed or deleted in a folder survive a power failure. */
export async function syncFolder(folder: string): Promise<void> {
  // A folder cannot be opened on Windows, where names are durable without it.
  if (process.platform === 'win32') return
  const handle = await open(folder, 'r')
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
}

/** Adds a line to a file; it is on the disk when this resolves. When it throws, nothing of the line stays. */
export async function appendLine(path: string, line: string): Promise<void> {
  const file = await open(path, 'a')
  try {
    const { size } = await file.stat()
    try {
      await file.writeFile(`${line}\n`)
      await file.datasync()
    } catch (error) {
      await file.truncate(size)
      throw error
    }
    if (size === 0) await syncFolder(dirname(path))
  } finally {
    await file.close()
  }
}

/** The text of a file, or `undefined` when there is none. */
export async function readIfThere(path: string): Promise<string | undefined> {
  return await readFile(path, 'utf8').catch(noneIfMissing)
}

/** Answers for a file that is not there; throws all else. */
export function noneIfMissing(error: unknown): undefined {
  if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
}

/** The bytes of an open file from a place on; fewer at its end. */
export async function readBytes(
  file: FileHandle,
  { offset, length }: { readonly offset: number; readonly length: number },
): Promise<Buffer> {
  const bytes = Buffer.allocUnsafe(length)
  let done = 0
  while (done < length) {
    const { bytesRead } = await file.read(bytes, done, length - done, offset + done)
    if (bytesRead === 0) break
    done += bytesRead
  }
  return bytes.subarray(0, done)
}
