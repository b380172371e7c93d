import { type FileHandle, open } from 'node:fs/promises'
import { vi } from 'vitest'

/** What a disk answers when it is full, or broken. */
export function diskError(code: 'ENOSPC' | 'EIO'): Error {
  return Object.assign(new Error(`${code}: the disk of a test`), { code })
}

/** The methods of every open file, to be replaced by `vi.spyOn` until `vi.restoreAllMocks`. */
export async function openFiles(): Promise<FileHandle> {
  const file = await open(import.meta.filename)
  await file.close()
  return Object.getPrototypeOf(file) as FileHandle
}

/** From now on whole contents find no room on the disk while `isFull` says so; what a file is given piece by piece does. */
export async function fillDisk(isFull: () => boolean): Promise<void> {
  const files = await openFiles()
  const write = Object.getOwnPropertyDescriptor(files, 'writeFile')?.value as FileHandle['writeFile']
  vi.spyOn(files, 'writeFile').mockImplementation(function (this: FileHandle, ...given) {
    return isFull() ? Promise.reject(diskError('ENOSPC')) : write.apply(this, given)
  })
}
