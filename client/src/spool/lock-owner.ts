import { readFile, readlink } from 'node:fs/promises'
import { hostname } from 'node:os'

/** The process that has a spool, as its lock says. */
export interface LockOwner {
  readonly token: string
  readonly host: string
  readonly pid: number
  /** Where the number of the process means something; null where there are no namespaces. Absent in older locks. */
  readonly pidNamespace?: string | null
  /** Which start of which machine; null where that cannot be told. Two machines may have one name. */
  readonly bootId?: string | null
  /** When the process started, in ticks of the kernel; null where that cannot be told. */
  readonly startedAt: string | null
}

/** This process as an owner; the token tells its clients from each other. */
export async function thisProcess(token: string): Promise<LockOwner> {
  return { token, ...(await thisPlace()), pid: process.pid, startedAt: await startOf(process.pid) }
}

/** The owner in the text of a lock; `undefined` when there is none, or nothing to be read in it. */
export function parseOwner(text: string | undefined): LockOwner | undefined {
  try {
    return text === undefined ? undefined : (JSON.parse(text) as LockOwner)
  } catch {
    return undefined
  }
}

/** Whether the process runs; `undefined` for one on another host or in another container, which cannot be asked. */
export async function isRunning(owner: LockOwner): Promise<boolean | undefined> {
  const { host, pidNamespace, bootId } = await thisPlace()
  const isHere = owner.host === host && owner.pidNamespace === pidNamespace && owner.bootId === bootId
  if (!isHere) return undefined
  const startedAt = await startOf(owner.pid)
  if (owner.startedAt !== null || startedAt !== null) return startedAt !== null && startedAt === owner.startedAt
  return answers(owner.pid)
}

// Containers may share a name and a folder, and each has numbers of processes of its own.
async function thisPlace(): Promise<Required<Pick<LockOwner, 'host' | 'pidNamespace' | 'bootId'>>> {
  const pidNamespace = await readlink('/proc/self/ns/pid').catch(() => null)
  const bootId = await readFile('/proc/sys/kernel/random/boot_id', 'utf8').catch(() => null)
  return { host: hostname(), pidNamespace, bootId: bootId?.trim() ?? null }
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
