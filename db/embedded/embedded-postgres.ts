import { closeSync, mkdirSync, openSync, readFileSync, realpathSync, rmSync, statSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import pg from 'pg'
import { initializeCluster } from './cluster.ts'
import { findFreePort } from './free-port.ts'
import { DATABASE, ownerUrl } from './owner-url.ts'
import { choosePlacement, type Placement } from './placement.ts'
import { type Postmaster, startPostmaster, stopLeftPostmaster } from './postmaster.ts'
import { claimFolder } from './runner-claim.ts'
import { readOrCreateSecret } from './secret-file.ts'
import { type PostgresProfile, serverSettings } from './settings.ts'

const STARTUP_LIMIT_MS = 300_000
const LOG_LIMIT_BYTES = 10_000_000

export interface EmbeddedPostgresOptions {
  /** Where data, password and log live; created when missing. */
  readonly folder: string
  readonly profile: PostgresProfile
  /** A free one when left out; the same again after a restart of this object. */
  readonly port?: number
}

/**
 * One PostgreSQL server that belongs to this process: it listens on 127.0.0.1 only, asks for a password that is kept
 * in the folder, and stops with this process. Data survives; what a killed predecessor left running is stopped first.
 */
export class EmbeddedPostgres {
  readonly #options: EmbeddedPostgresOptions
  readonly #folder: string
  #placement: Placement | undefined
  #port: number | undefined
  #password = ''
  #postmaster: Postmaster | undefined
  #release: (() => void) | undefined
  #isWanted = false

  constructor(options: EmbeddedPostgresOptions) {
    this.#options = options
    mkdirSync(options.folder, { recursive: true, mode: 0o755 })
    this.#folder = realpathSync(resolve(options.folder))
    this.#port = options.port
  }

  /** The owner's connection string. Known once the server has started, and the same after a restart. */
  get url(): string {
    if (this.#port === undefined || this.#password === '') throw new Error('the embedded Postgres has not started yet')
    return ownerUrl(this.#password, this.#port)
  }

  /** The folder of the data. Known once the server has started. */
  get dataFolder(): string | undefined {
    return this.#placement?.data
  }

  /** The process id while the server runs. */
  get pid(): number | undefined {
    return this.#postmaster?.pid
  }

  /** Resolves when the server that runs now has ended, for whatever reason. */
  get exited(): Promise<void> {
    return this.#postmaster?.exited ?? Promise.resolve()
  }

  /** Starts the server, or starts it again after it died, and resolves when it answers queries. */
  async start(): Promise<void> {
    this.#release ??= claimFolder(join(this.#folder, 'postgres-owner'))
    this.#isWanted = true
    try {
      await this.#prepare()
      if (!this.#isWanted) throw new Error('The embedded Postgres was stopped while starting.')
      await this.#launch()
    } catch (error) {
      await this.stop()
      throw error
    }
  }

  /** Rolls back what is open and ends the server. A second call does nothing. */
  async stop(): Promise<void> {
    this.#isWanted = false
    await this.#postmaster?.stop()
    this.#postmaster = undefined
    this.#release?.()
    this.#release = undefined
  }

  /** Stops the server and deletes its data, wherever it was placed. */
  async remove(): Promise<void> {
    await this.stop()
    const data = (this.#placement ?? choosePlacement(this.#folder)).data
    rmSync(data, { recursive: true, force: true })
    if (dirname(data) !== this.#folder) rmSync(dirname(data), { recursive: true, force: true })
    for (const name of ['', '-location', '-password', '.log']) {
      rmSync(join(this.#folder, `postgres${name}`), { recursive: true, force: true })
    }
  }

  async #prepare(): Promise<void> {
    this.#password ||= readOrCreateSecret(join(this.#folder, 'postgres-password'))
    this.#placement ??= choosePlacement(this.#folder)
    await stopLeftPostmaster(this.#placement.data)
    await initializeCluster(this.#placement, {
      user: DATABASE,
      password: this.#password,
      lasting: this.#options.profile === 'service',
    })
    this.#port ??= await findFreePort('127.0.0.1')
  }

  async #launch(): Promise<void> {
    const placement = this.#placement as Placement
    const deadline = Date.now() + STARTUP_LIMIT_MS
    for (;;) {
      const log = openLog(join(this.#folder, 'postgres.log'))
      const settings = serverSettings(this.#options.profile, this.#port as number)
      const postmaster = startPostmaster({ placement, settings, log: log.descriptor })
      closeSync(log.descriptor)
      this.#postmaster = postmaster
      const died = postmaster.exited.then(() => 'died' as const)
      if ((await Promise.race([died, this.#untilReady(deadline)])) === 'ready') return
      const lines = log.linesSinceStart()
      // Sessions of a killed server hold its memory for a moment longer than it lives.
      if (!/shared memory block|lock file "postmaster.pid"/.test(lines) || Date.now() > deadline) {
        throw new Error(`The embedded Postgres ended while starting:\n${lines.trim()}`)
      }
      await pause(250)
    }
  }

  async #untilReady(deadline: number): Promise<'ready'> {
    const postmaster = this.#postmaster
    while (this.#postmaster === postmaster) {
      const error = await createDatabaseOnce(this.url)
      if (error === undefined) return 'ready'
      if (error.code === '28P01') {
        throw new Error(`The password in ${this.#folder}/postgres-password is not the one of the data beside it.`)
      }
      if (Date.now() > deadline) throw new Error(`The embedded Postgres does not answer: ${error.message}`)
      await pause(50)
    }
    throw new Error('The embedded Postgres was stopped while starting.')
  }
}

/** Creates our database unless it is there. Answers the error of the server that is not ready, or undefined. */
async function createDatabaseOnce(url: string): Promise<(Error & { code?: string }) | undefined> {
  const maintenance = new URL(url)
  maintenance.pathname = '/postgres'
  const client = new pg.Client({ connectionString: maintenance.href, connectionTimeoutMillis: 5_000 })
  client.on('error', () => {})
  try {
    await client.connect()
    const found = await client.query('select 1 from pg_database where datname = $1', [DATABASE])
    if (found.rowCount === 0) await client.query(`create database ${DATABASE}`)
    return undefined
  } catch (error) {
    return error as Error
  } finally {
    await client.end().catch(() => {})
  }
}

function openLog(path: string): { readonly descriptor: number; readonly linesSinceStart: () => string } {
  const size = statSync(path, { throwIfNoEntry: false })?.size ?? 0
  const descriptor = openSync(path, size > LOG_LIMIT_BYTES ? 'w' : 'a', 0o600)
  const start = size > LOG_LIMIT_BYTES ? 0 : size
  return { descriptor, linesSinceStart: () => readFileSync(path).subarray(start).toString() }
}

function pause(durationMs: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, durationMs))
}
