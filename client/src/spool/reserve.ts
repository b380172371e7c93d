import { randomBytes } from 'node:crypto'
import { open, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'

// Enough for the lock, the progress and some rejected events.
const RESERVE_BYTES = 65_536

/** Takes room on the disk for what must be written even when it is full. Not on a disk that has none left. */
export async function makeReserve(folder: string): Promise<void> {
  const path = reserveFile(folder)
  if ((await stat(path).catch(() => undefined))?.size === RESERVE_BYTES) return
  try {
    const file = await open(path, 'w')
    try {
      // Random, so that no file system stores it in less.
      await file.writeFile(randomBytes(RESERVE_BYTES))
      await file.sync()
    } finally {
      await file.close()
    }
  } catch (error) {
    await rm(path, { force: true })
    if (!isDiskFull(error)) throw error
  }
}

/** Writes, and once more in the room of the reserve when the disk is full. The next opening makes a new reserve. */
export async function withReserve<T>(folder: string, write: () => Promise<T>): Promise<T> {
  try {
    return await write()
  } catch (error) {
    if (!isDiskFull(error)) throw error
    await rm(reserveFile(folder), { force: true })
    return await write()
  }
}

function isDiskFull(error: unknown): boolean {
  const { code } = error as NodeJS.ErrnoException
  return code === 'ENOSPC' || code === 'EDQUOT'
}

function reserveFile(folder: string): string {
  return join(folder, 'reserve')
}
