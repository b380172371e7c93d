import { spawn, spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { findFreePort } from '../../db/embedded/free-port.ts'
import { stopWithThisProcess } from '../../db/embedded/stop-with-this-process.ts'

/** Every test file takes a database of its own. */
export const TEST_REDIS_DATABASES = 1024

/** A Redis for one run of the tests, as strict as queues ask for. */
export interface RedisServer {
  /** What the tests need to know of it. */
  readonly environment: Readonly<Record<string, string>>
  readonly pid: number
  stop(): Promise<void>
}

/** Whether `redis-server` can be run; as root it is installed from the system's packages when it is missing. */
export function ensureRedisInstalled(): boolean {
  if (isInstalled()) return true
  if (process.getuid?.() !== 0 || !succeeds('apt-get', ['--version'])) return false
  console.log('Installing redis-server from the packages of the system…')
  // The package would start a server of its own outside of the checks.
  const environment = { ...process.env, DEBIAN_FRONTEND: 'noninteractive', RUNLEVEL: '1' }
  succeeds('apt-get', ['update', '-q'], environment)
  succeeds('apt-get', ['install', '-y', '-q', '--no-install-recommends', 'redis-server'], environment)
  return isInstalled()
}

/** Starts a Redis on a free port that keeps what it accepts, in a folder that `stop` deletes. */
export async function startRedis(): Promise<RedisServer> {
  const folder = mkdtempSync(join(tmpdir(), 'tabkeeper-redis-'))
  const taken = join(folder, 'taken')
  mkdirSync(taken)
  const port = await findFreePort('127.0.0.1')
  const child = spawn('redis-server', settings(port, folder), { detached: true, stdio: ['ignore', 'pipe', 'inherit'] })
  const exited = new Promise((resolve) => child.on('close', resolve))
  const pid = child.pid as number
  const forget = stopWithThisProcess(pid, 'SIGTERM')
  const stop = async () => {
    child.kill('SIGTERM')
    await exited
    forget()
    rmSync(folder, { recursive: true, force: true })
  }
  const isReady = new Promise<boolean>((resolve) => {
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      if (text.includes('Ready to accept connections')) resolve(true)
    })
    void exited.then(() => resolve(false))
  })
  if (await isReady) {
    const environment = { REDIS_URL: `redis://127.0.0.1:${port}`, TABKEEPER_TEST_REDIS_TAKEN: taken }
    return { environment, pid, stop }
  }
  await stop()
  throw new Error('redis-server did not start')
}

function settings(port: number, folder: string): readonly string[] {
  const place = [
    '--bind',
    '127.0.0.1',
    '--port',
    String(port),
    '--dir',
    folder,
    '--databases',
    String(TEST_REDIS_DATABASES),
  ]
  const safety = ['--appendonly', 'yes', '--appendfsync', 'always', '--maxmemory-policy', 'noeviction']
  return [...place, ...safety, '--save', '', '--daemonize', 'no']
}

function isInstalled(): boolean {
  return succeeds('redis-server', ['--version'])
}

function succeeds(program: string, parameters: readonly string[], environment = process.env): boolean {
  return spawnSync(program, parameters, { env: environment, stdio: 'ignore' }).status === 0
}
