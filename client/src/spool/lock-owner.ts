import { readFile } from 'node:fs/promises'
import { hostname } from 'node:os'

/** The process that has a spool, as its lock says. */
export interface LockOwner {
  readonly token: string
  readonly host: string
  readonly pid: number
  /** When the process started, in ticks of the kernel; null where that cannot be told. */
  readonly startedAt: string | null
}

/** This process as an owner; the token tells its clients from each other. */
export async function thisProcess(token: string): Promise<LockOwner> {
  return { token, host: hostname(), pid: process.pid, startedAt: await startOf(process.pid) }
}

/** The owner in the text of a lock; `undefined` when there is none, or nothing to be read in it. */
export function parseOwner(text: string | undefined): LockOwner | undefined {
  try {
    return text === undefined ? undefined : (JSON.parse(text) as LockOwner)
  } catch {
    return undefined
  }
}

/** Whether the process runs; `undefined` for one of which this process cannot tell. */
export async function isRunning(owner: LockOwner): Promise<boolean | undefined> {
  if (owner.host !== hostname()) return undefined
  const startedAt = await startOf(owner.pid)
  if (owner.startedAt !== null || startedAt !== null) return startedAt !== null && startedAt === owner.startedAt
  return answers(owner.pid)
}

// A number of a process is given out again, and in containers at once; the time of the start tells them apart.
async function startOf(pid: number): Promise<string | null> {
  if (process.platform !== 'linux') return null
  const line = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => '')
  const [state = 'X', ...fields] = line.slice(line.lastIndexOf(')') + 2).split(' ')
  return /^[ZX]/.test(state) || line === '' ? null : (fields[18] ?? null)
}

function answers(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM'
  }
}
