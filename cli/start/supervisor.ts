import { EventEmitter } from 'node:events'
import { readFileSync } from 'node:fs'
import { connect } from 'node:net'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { EmbeddedPostgres } from '../../db/embedded/embedded-postgres.ts'
import type { PostgresProfile } from '../../db/embedded/settings.ts'
import { KeptAlive } from './kept-alive.ts'
import { type ProcessLine, parseProcfile } from './procfile.ts'
import { PROJECT_FOLDER, type RunningProcess, startProcess } from './running-process.ts'
import { readServiceSettings, type ServiceSettings } from './service-settings.ts'

export interface SupervisorOptions {
  /** What the processes inherit: `PORT`, `HOST`, `DATABASE_URL`, `REDIS_URL`, `TABKEEPER_DATA_DIR`, `LOG_LEVEL`… */
  readonly environment: NodeJS.ProcessEnv
  /** Where the Procfile is and its lines run; this project when left out. */
  readonly folder?: string
  readonly postgresProfile?: PostgresProfile
}

export interface SupervisorEvents {
  /** One line that a process printed. */
  line: [name: string, text: string]
  /** A process died and will be started again after the delay. */
  death: [name: string, how: string, delayMs: number]
  /** A process that had died runs again. */
  restart: [name: string, pid: number]
}

/** A process and its id, which is undefined between a death and the next start. */
export interface ProcessStatus {
  readonly name: string
  readonly pid: number | undefined
  readonly restarts: number
}

// Measured: left to itself, the allocator of glibc keeps a tenth of what a process under load holds, in several arenas and at
// their ends. Less would be given back at once and taken again, which costs more than it spares.
const SPARING_ALLOCATOR = {
  MALLOC_ARENA_MAX: '1',
  MALLOC_TRIM_THRESHOLD_: String(8 * 1024 * 1024),
  MALLOC_MMAP_THRESHOLD_: String(4 * 1024 * 1024),
}

/**
 * Runs what the Procfile lists, on the embedded Postgres unless `DATABASE_URL` is set: `release` once, then every other
 * line, each started again when it dies.
 */
export class Supervisor extends EventEmitter<SupervisorEvents> {
  readonly #options: SupervisorOptions
  readonly #folder: string
  readonly #processes = new Map<string, KeptAlive>()
  #settings: ServiceSettings | undefined
  #postgres: EmbeddedPostgres | undefined
  #release: RunningProcess | undefined
  #stopped: Promise<void> | undefined

  constructor(options: SupervisorOptions) {
    super()
    this.#options = options
    this.#folder = options.folder ?? PROJECT_FOLDER
  }

  /** Where the API answers. Known once `prepare` has finished. */
  get url(): string {
    const { host, port } = this.#requireSettings()
    return `http://${host === '0.0.0.0' || host === '::' ? '127.0.0.1' : host}:${port}`
  }

  /** The owner's connection string. Known once `prepare` has finished. */
  get databaseUrl(): string {
    return this.#requireSettings().databaseUrl ?? (this.#postgres as EmbeddedPostgres).url
  }

  /** Every process that is kept alive, Postgres included when it is the embedded one. */
  processes(): readonly ProcessStatus[] {
    return [...this.#processes].map(([name, { pid, restarts }]) => ({ name, pid, restarts }))
  }

  /** Starts Postgres and runs `release`. Rejects when either fails, with nothing left running. */
  async prepare(): Promise<void> {
    try {
      this.#settings = await readServiceSettings(this.#options.environment, this.#folder)
      if (this.#settings.databaseUrl === undefined) await this.#startPostgres(this.#settings.dataFolder)
      for (const line of this.#lines()) if (line.name === 'release') await this.#runRelease(line)
    } catch (error) {
      await this.stop()
      throw error
    }
  }

  /** Starts every line but `release`, after `prepare`, and resolves when the API accepts connections. */
  async start(): Promise<void> {
    try {
      for (const line of this.#lines())
        if (line.name !== 'release') await this.#keep(line.name, () => this.#launch(line))
      if (this.#processes.has('web')) await this.#untilListening()
    } catch (error) {
      await this.stop()
      throw error
    }
  }

  /** Ends the processes, then Postgres, and resolves when all are gone. A second call waits for the first. */
  stop(): Promise<void> {
    this.#stopped ??= this.#stopAll()
    return this.#stopped
  }

  /** Deletes the data of the embedded Postgres, wherever it lives. Only after `stop`. */
  async removeData(): Promise<void> {
    await this.#postgres?.remove()
  }

  async #stopAll(): Promise<void> {
    await this.#release?.stop()
    const kept = [...this.#processes].filter(([name]) => name !== 'postgres')
    await Promise.all(kept.map(([, process]) => process.stop()))
    await this.#processes.get('postgres')?.stop()
    await this.#postgres?.stop()
  }

  async #startPostgres(folder: string): Promise<void> {
    const postgres = new EmbeddedPostgres({ folder, profile: this.#options.postgresProfile ?? 'service' })
    this.#postgres = postgres
    await this.#keep('postgres', async () => {
      await postgres.start()
      const exited = postgres.exited.then(() => 'its end')
      return { pid: postgres.pid as number, exited, stop: () => postgres.stop() }
    })
  }

  async #runRelease(line: ProcessLine): Promise<void> {
    this.#release = await this.#launch(line)
    const how = await this.#release.exited
    this.#release = undefined
    if (how !== 'code 0') throw new Error(`${line.name} ended with ${how}; its lines above say why.`)
  }

  async #keep(name: string, launch: () => Promise<RunningProcess>): Promise<void> {
    if (this.#stopped !== undefined) throw new Error('stopped while starting')
    const process = new KeptAlive({
      launch,
      onDeath: (how, delayMs) => this.emit('death', name, how, delayMs),
      onRestart: (pid) => this.emit('restart', name, pid),
    })
    this.#processes.set(name, process)
    await process.start()
  }

  #launch(line: ProcessLine): Promise<RunningProcess> {
    const { host, port, secret, dataFolder } = this.#requireSettings()
    const environment = {
      ...SPARING_ALLOCATOR,
      ...this.#options.environment,
      HOST: host,
      PORT: String(port),
      DATABASE_URL: this.databaseUrl,
      TABKEEPER_SECRET: secret,
      TABKEEPER_DATA_DIR: dataFolder,
      ...(this.#postgres?.dataFolder === undefined ? {} : { DATABASE_FOLDER: this.#postgres.dataFolder }),
    }
    const onLine = (text: string) => this.emit('line', line.name, text)
    return startProcess({ line, folder: this.#folder, environment, onLine })
  }

  #lines(): readonly ProcessLine[] {
    return parseProcfile(readFileSync(join(this.#folder, 'Procfile'), 'utf8'))
  }

  #requireSettings(): ServiceSettings {
    if (this.#settings === undefined) throw new Error('the supervisor has not been prepared yet')
    return this.#settings
  }

  // A web process that cannot start dies again and again: its lines say why, and the runner gives up.
  async #untilListening(): Promise<void> {
    const { hostname, port } = new URL(this.url)
    const deadline = Date.now() + 60_000
    while (!(await accepts(hostname, Number(port)))) {
      if (this.#stopped !== undefined) throw new Error('stopped while starting')
      const restarts = this.#processes.get('web')?.restarts ?? 0
      if (restarts >= 5 || Date.now() > deadline) throw new Error('web does not start; its lines above say why.')
      await pause(50)
    }
  }
}

function accepts(host: string, port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, host)
    const answer = (accepted: boolean) => {
      socket.destroy()
      resolve(accepted)
    }
    socket.on('connect', () => answer(true))
    socket.on('error', () => answer(false))
  })
}
