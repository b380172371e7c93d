import { spawn } from 'node:child_process'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { KILL_AFTER_MS } from '../../shared/stopping.ts'
import type { ProcessLine } from './procfile.ts'

const LEAVE_WITH_PARENT = new URL('./leave-with-parent.ts', import.meta.url).href

/** Something that runs under a process id until it ends or is stopped. */
export interface RunningProcess {
  readonly pid: number
  /** Resolves with how it ended, in words: `code 1`, `SIGKILL`. */
  readonly exited: Promise<string>
  /** Asks it to end, and ends it after ten seconds. */
  stop(): Promise<void>
}

export interface ProcessStart {
  readonly line: ProcessLine
  readonly folder: string
  readonly environment: NodeJS.ProcessEnv
  readonly onLine: (text: string) => void
}

/**
 * Starts the command of a Procfile line; `node` is the Node that runs now. It gets a process group of its own, so that
 * Ctrl-C reaches the runner alone, and it ends when the runner is killed.
 */
export function startProcess({ line, folder, environment, onLine }: ProcessStart): Promise<RunningProcess> {
  const isNode = line.command === 'node'
  const command = isNode ? process.execPath : line.command
  const parameters = isNode ? ['--import', LEAVE_WITH_PARENT, ...line.parameters] : line.parameters
  const child = spawn(command, parameters, {
    cwd: folder,
    env: environment,
    detached: true,
    stdio: isNode ? ['ignore', 'pipe', 'pipe', 'ipc'] : ['ignore', 'pipe', 'pipe'],
  })
  for (const stream of [child.stdout, child.stderr]) {
    if (stream !== null) createInterface({ input: stream }).on('line', onLine)
  }
  const exited = new Promise<string>((resolve) => {
    child.on('close', (code, signal) => resolve(signal ?? `code ${code}`))
  })
  return new Promise((resolve, reject) => {
    child.on('error', (error) => reject(new Error(`${line.name} did not start: ${error.message}`)))
    child.on('spawn', () => {
      const pid = child.pid as number
      resolve({ pid, exited, stop: () => stop(pid, exited) })
    })
  })
}

async function stop(pid: number, exited: Promise<string>): Promise<void> {
  send(pid, 'SIGTERM')
  const timer = setTimeout(() => send(-pid, 'SIGKILL'), KILL_AFTER_MS)
  await exited
  clearTimeout(timer)
}

function send(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error
  }
}

/** The folder of the project, where Procfile lines run. */
export const PROJECT_FOLDER = fileURLToPath(new URL('../../', import.meta.url))
