import { type ChildProcess, spawn } from 'node:child_process'
import { dirname, join } from 'node:path'
import { PROJECT_FOLDER } from '../start/running-process.ts'

interface Command {
  readonly program: string
  readonly parameters: readonly string[]
  readonly environment?: Readonly<Record<string, string>>
}

let running: ChildProcess | undefined

/** Runs a program on this terminal and answers its exit code. */
function runCommand({ program, parameters, environment }: Command): Promise<number> {
  return new Promise((resolve, reject) => {
    const child = spawn(program, parameters, {
      cwd: PROJECT_FOLDER,
      env: { ...cleanEnvironment(), ...environment },
      stdio: ['ignore', 'inherit', 'inherit'],
    })
    running = child
    child.on('error', (error) => reject(new Error(`${program} did not start: ${error.message}`)))
    child.on('close', (code) => resolve(code ?? 1))
  })
}

/** Runs one of the installed tools, on the Node that runs now. */
export function runTool(
  tool: string,
  parameters: readonly string[],
  environment?: Command['environment'],
): Promise<number> {
  const program = join(PROJECT_FOLDER, 'node_modules/.bin', tool)
  return runCommand({ program, parameters, ...(environment === undefined ? {} : { environment }) })
}

/** Asks the command that runs at the moment, if any, to end, and resolves when it has. */
export async function stopRunningCommand(): Promise<void> {
  const child = running
  if (child === undefined || child.exitCode !== null || child.signalCode !== null) return
  const gone = new Promise((resolve) => child.on('close', resolve))
  child.kill('SIGTERM')
  await gone
}

/** The environment without the settings of a service, so that the checks mean the same on every machine. */
export function cleanEnvironment(): NodeJS.ProcessEnv {
  const settings = /^(TABKEEPER_.*|DATABASE_URL|DATABASE_POOL_MAX|REDIS_URL|REDIS_DURABILITY|HOST|PORT|LOG_LEVEL)$/
  const kept = Object.entries(process.env).filter(([name]) => !settings.test(name))
  return { ...Object.fromEntries(kept), PATH: `${dirname(process.execPath)}:${process.env['PATH']}` }
}
