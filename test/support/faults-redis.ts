import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Redis } from 'ioredis'
import { findFreePort } from '../../db/embedded/free-port.ts'
import { stopWithThisProcess } from '../../db/embedded/stop-with-this-process.ts'
import { until } from './faults-until.ts'

/** A Redis of one test's own, which may be killed and started again on what it has kept. */
export class KillableRedis {
  readonly #folder = mkdtempSync(join(tmpdir(), 'tabkeeper-redis-'))
  #port = 0
  #running: { readonly child: ChildProcess; readonly exited: Promise<unknown> } | undefined

  get url(): string {
    return `redis://127.0.0.1:${this.#port}`
  }

  /** Starts it, again on the same port and folder, and resolves when it answers. */
  async start(): Promise<void> {
    this.#port ||= await findFreePort('127.0.0.1')
    const child = spawn('redis-server', settings(this.#port, this.#folder), { detached: true, stdio: 'ignore' })
    const forget = stopWithThisProcess(child.pid as number, 'SIGKILL')
    const exited = new Promise((resolve) => child.on('close', resolve)).then(forget)
    this.#running = { child, exited }
    await until('Redis answers', () => answers(this.#port))
  }

  /** `kill -9`, resolved when it is gone. */
  async kill(): Promise<void> {
    this.#running?.child.kill('SIGKILL')
    await this.#running?.exited
    this.#running = undefined
  }

  async #command(name: string, ...parameters: string[]): Promise<void> {
    const redis = new Redis(this.url, { retryStrategy: () => null })
    try {
      await redis.call(name, ...parameters)
    } finally {
      redis.disconnect()
    }
  }

  /** Lets every writing command wait; answers how to let them go on. */
  async pauseWrites(): Promise<() => Promise<void>> {
    await this.#command('CLIENT', 'PAUSE', '60000', 'WRITE')
    return () => this.#command('CLIENT', 'UNPAUSE')
  }

  async remove(): Promise<void> {
    await this.kill()
    rmSync(this.#folder, { recursive: true, force: true })
  }
}

function settings(port: number, folder: string): readonly string[] {
  const place = ['--bind', '127.0.0.1', '--port', String(port), '--dir', folder]
  const safety = ['--appendonly', 'yes', '--appendfsync', 'always', '--maxmemory-policy', 'noeviction']
  return [...place, ...safety, '--save', '', '--daemonize', 'no']
}

// A server that loads its file accepts connections and answers LOADING.
function answers(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1', () => socket.write('PING\r\n'))
    socket.setTimeout(1000, () => socket.destroy())
    socket.on('data', (data) => {
      resolve(data.toString().startsWith('+PONG'))
      socket.destroy()
    })
    socket.on('error', () => resolve(false))
    socket.on('close', () => resolve(false))
  })
}
