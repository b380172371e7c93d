import { randomUUID } from 'node:crypto'
import { link, readFile, rename, rm, stat, utimes } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { ClientError } from '../client-error.ts'
import { createFile, readIfThere } from './durable-file.ts'
import { isRunning, parseOwner, thisProcess } from './lock-owner.ts'
import { withReserve } from './reserve.ts'

const HEARTBEAT_MS = 10_000
/** Of an owner on another host nothing can be asked; it is gone when its heart stops for this long. */
const SILENT_FOR_MS = 60_000
const ASK_AGAIN_AFTER_MS = 250

/** Holds a spool for this process alone. A lock whose process is gone is taken over. */
export class SpoolLock {
  readonly #path: string
  readonly #token: string
  readonly #heartbeat: NodeJS.Timeout

  readonly #onLost: () => void
  #isLost = false

  private constructor(path: string, token: string, onLost: () => void) {
    this.#path = path
    this.#token = token
    this.#onLost = onLost
    this.#heartbeat = setInterval(() => void this.#beat(), HEARTBEAT_MS)
    this.#heartbeat.unref()
  }

  /** Throws `spool_locked` when another process, or another client of this one, still has it after the wait. */
  static async acquire(folder: string, { waitMs, onLost }: { waitMs: number; onLost: () => void }): Promise<SpoolLock> {
    const untilMs = performance.now() + waitMs
    for (;;) {
      try {
        return await SpoolLock.#acquireNow(folder, onLost)
      } catch (error) {
        const leftMs = untilMs - performance.now()
        if (!(error instanceof ClientError && error.code === 'spool_locked') || leftMs <= 0) throw error
        await pause(Math.min(leftMs, ASK_AGAIN_AFTER_MS))
      }
    }
  }

  static async #acquireNow(folder: string, onLost: () => void): Promise<SpoolLock> {
    const path = join(folder, 'lock')
    const owner = await thisProcess(randomUUID())
    const claim = `${path}.${owner.token}`
    // On a full disk the lock of a process that is gone makes room, and after it the reserve; both are left to the living.
    await removeIfStale(path)
    await withReserve(folder, () => createFile(claim, JSON.stringify(owner)))
    try {
      for (let attempt = 0; attempt < 5; attempt += 1) {
        if (await placed(claim, path)) return new SpoolLock(path, owner.token, onLost)
        await removeIfStale(path)
      }
    } finally {
      await rm(claim, { force: true })
    }
    throw locked(path, { found: await readIfThere(path), isKnown: true })
  }

  /** Whether the folder is still ours. */
  async isHeld(): Promise<boolean> {
    return parseOwner(await readIfThere(this.#path))?.token === this.#token
  }

  /** Throws `spool_lock_lost` when another process has the folder, or it was removed. */
  async requireHeld(): Promise<void> {
    if (await this.isHeld()) return
    this.#lose()
    throw new ClientError('spool_lock_lost', `${this.#path} was taken by another process or removed`)
  }

  async release(): Promise<void> {
    clearInterval(this.#heartbeat)
    if (await this.isHeld()) await rm(this.#path, { force: true })
  }

  async #beat(): Promise<void> {
    try {
      if (!(await this.isHeld())) return this.#lose()
      const now = new Date()
      await utimes(this.#path, now, now)
    } catch {
      // A disk that does not answer is noticed where events are written.
    }
  }

  #lose(): void {
    clearInterval(this.#heartbeat)
    if (!this.#isLost) this.#onLost()
    this.#isLost = true
  }
}

// A link appears with its content and never replaces a file, so exactly one of several processes gets it.
async function placed(claim: string, path: string): Promise<boolean> {
  try {
    await link(claim, path)
    return true
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false
    throw error
  }
}

async function removeIfStale(path: string): Promise<void> {
  const found = await readIfThere(path)
  if (found === undefined) return
  const owner = parseOwner(found)
  const running = owner === undefined ? undefined : await isRunning(owner)
  if (running ?? (await isHeardOf(path))) throw locked(path, { found, isKnown: running !== undefined })
  // Moved away first: another process may have taken it over since it was read, and gets it back then.
  const aside = `${path}.${randomUUID()}`
  try {
    await rename(path, aside)
    if ((await readFile(aside, 'utf8')) !== found) await placed(aside, path)
    await rm(aside, { force: true })
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
  }
}

async function isHeardOf(path: string): Promise<boolean> {
  const { mtimeMs } = await stat(path).catch(() => ({ mtimeMs: 0 }))
  return Date.now() - mtimeMs < SILENT_FOR_MS
}

function locked(path: string, { found, isKnown }: { found: string | undefined; isKnown: boolean }): ClientError {
  const owner = parseOwner(found)
  const who = owner === undefined ? 'another process' : `process ${owner.pid} on ${owner.host}`
  const fix = isKnown
    ? 'give every process a spool directory of its own'
    : `it is on another host or in another container and counts as gone after ${SILENT_FOR_MS / 1000} s without a sign of life; lockWaitMs lets the opening wait for that`
  return new ClientError('spool_locked', `${path} is held by ${who}: ${fix}`)
}
