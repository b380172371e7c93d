import { chmodSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { stopOnSignal } from '../../cli/start/stop-on-signal.ts'
import { type ProcessStatus, Supervisor } from '../../cli/start/supervisor.ts'

/** All processes of the service on a Postgres of their own, with data that goes when they stop, also at Ctrl-C. */
export class BenchService {
  readonly #folder = mkdtempSync(join(tmpdir(), 'tabkeeper-bench-'))
  readonly #supervisor: Supervisor
  #stopped: Promise<void> | undefined

  /** Queues are on Postgres unless the address of a Redis is given. */
  constructor({ redisUrl = '' }: { readonly redisUrl?: string | undefined } = {}) {
    // So that the user whom Postgres runs as under root can enter it.
    chmodSync(this.#folder, 0o755)
    this.#supervisor = new Supervisor({
      environment: {
        ...process.env,
        DATABASE_URL: '',
        REDIS_URL: redisUrl,
        PORT: '0',
        LOG_LEVEL: 'warn',
        TABKEEPER_DATA_DIR: this.#folder,
      },
    })
    this.#supervisor.on('line', (name, text) => console.error(`${name}: ${text}`))
    this.#supervisor.on('death', (name, how) => console.error(`${name} ended with ${how} and starts again`))
    stopOnSignal(() => this.stop())
  }

  get url(): string {
    return this.#supervisor.url
  }

  get databaseUrl(): string {
    return this.#supervisor.databaseUrl
  }

  /** The lines of the Procfile, and Postgres. */
  processes(): readonly ProcessStatus[] {
    return this.#supervisor.processes()
  }

  /** Starts Postgres with our tables, and no other process. */
  async prepare(): Promise<void> {
    await this.#supervisor.prepare()
  }

  async start(): Promise<void> {
    await this.prepare()
    await this.#supervisor.start()
  }

  /** A second call waits for the first. */
  stop(): Promise<void> {
    this.#stopped ??= this.#stopAndRemove()
    return this.#stopped
  }

  async #stopAndRemove(): Promise<void> {
    await this.#supervisor.stop()
    await this.#supervisor.removeData()
    rmSync(this.#folder, { recursive: true, force: true })
  }
}
