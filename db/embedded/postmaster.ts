import { spawn } from 'node:child_process'
import { readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import type { Placement } from './placement.ts'
import { commandLine } from './process-table.ts'
import { stopWithThisProcess } from './stop-with-this-process.ts'

const FAST_STOP_LIMIT_MS = 30_000
const IMMEDIATE_STOP_LIMIT_MS = 5_000

/** The main process of a running server. */
export interface Postmaster {
  readonly pid: number
  readonly exited: Promise<void>
  stop(): Promise<void>
}

export interface PostmasterStart {
  readonly placement: Placement
  readonly settings: readonly string[]
  /** An open file for what the server says. */
  readonly log: number
}

/** Starts a server in a process group of its own, so that Ctrl-C reaches the runner first and the order is kept. */
export function startPostmaster({ placement, settings, log }: PostmasterStart): Postmaster {
  const { native, data, user } = placement
  const parameters = ['-D', data, ...settings.flatMap((setting) => ['-c', setting])]
  const child = spawn(join(native, 'bin/postgres'), parameters, {
    ...(user === undefined ? {} : { uid: user.uid, gid: user.gid }),
    cwd: '/',
    detached: true,
    stdio: ['ignore', log, log],
  })
  const exited = new Promise<void>((resolve) => {
    child.on('exit', () => resolve())
    child.on('error', () => resolve())
  })
  const pid = child.pid
  if (pid === undefined) throw new Error(`${join(native, 'bin/postgres')} could not be started`)
  const forget = stopWithThisProcess(pid, 'SIGINT')
  void exited.then(forget)
  return { pid, exited, stop: () => stopProcess(pid, exited) }
}

/**
 * Ends a server that a killed runner left behind on this data, and removes a pid file that names a stranger. The
 * server's own guard against two on one data folder stays in force.
 */
export async function stopLeftPostmaster(data: string): Promise<void> {
  const pid = readPostmasterPid(data)
  if (pid === undefined) return
  if (isPostmaster(pid, data)) await stopProcess(pid, untilGone(pid, data))
  else rmSync(join(data, 'postmaster.pid'), { force: true })
}

/** The port of the server that runs on this data now; undefined when none does. */
export function findPostmasterPort(data: string): number | undefined {
  const pid = readPostmasterPid(data)
  if (pid === undefined || !isPostmaster(pid, data)) return undefined
  const setting = commandLine(pid)?.find((word) => word.startsWith('port='))
  return setting === undefined ? undefined : Number(setting.slice('port='.length))
}

// SIGINT is Postgres' fast shutdown; SIGQUIT leaves the rest to recovery.
async function stopProcess(pid: number, exited: Promise<void>): Promise<void> {
  for (const [signal, limitMs] of STOP_STEPS) {
    send(pid, signal)
    if (await endsWithin(exited, limitMs)) return
  }
}

const STOP_STEPS = [
  ['SIGINT', FAST_STOP_LIMIT_MS],
  ['SIGQUIT', IMMEDIATE_STOP_LIMIT_MS],
  ['SIGKILL', IMMEDIATE_STOP_LIMIT_MS],
] as const

function send(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error
  }
}

function endsWithin(exited: Promise<void>, limitMs: number): Promise<boolean> {
  return new Promise((resolve) => {
    const timer = setTimeout(() => resolve(false), limitMs)
    void exited.then(() => {
      clearTimeout(timer)
      resolve(true)
    })
  })
}

async function untilGone(pid: number, data: string): Promise<void> {
  const deadline = Date.now() + FAST_STOP_LIMIT_MS + 2 * IMMEDIATE_STOP_LIMIT_MS
  while (isPostmaster(pid, data) && Date.now() < deadline) await new Promise((resolve) => setTimeout(resolve, 50))
}

function readPostmasterPid(data: string): number | undefined {
  try {
    const pid = Number.parseInt(readFileSync(join(data, 'postmaster.pid'), 'utf8'), 10)
    return Number.isNaN(pid) ? undefined : pid
  } catch {
    return undefined
  }
}

function isPostmaster(pid: number, data: string): boolean {
  const words = commandLine(pid)
  return words?.[0]?.endsWith('postgres') === true && words.includes(data)
}
