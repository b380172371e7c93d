import { open, readFile, rename } from 'node:fs/promises'
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

/** Adds a line to a file; it is on the disk when this resolves. */
export async function appendLine(path: string, line: string): Promise<void> {
  const file = await open(path, 'a')
  try {
    await file.writeFile(`${line}\n`)
    await file.datasync()
    if ((await file.stat()).size === Buffer.byteLength(line) + 1) await syncFolder(dirname(path))
  } finally {
    await file.close()
  }
}

/** The text of a file, or `undefined` when there is none. */
export async function readIfThere(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw error
  }
}
