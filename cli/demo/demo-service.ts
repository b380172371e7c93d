import { randomBytes } from 'node:crypto'
import { chmodSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { ensureFirstOrganization, type FirstSecrets } from '../../db/first-organization.ts'
import { createOrganization } from '../../db/organizations.ts'
import { Supervisor } from '../start/supervisor.ts'
import { deleteQueues, requireNoQueues } from './empty-redis.ts'

/** What it takes to use the service as the demo's organization. */
export interface DemoAccess {
  readonly url: string
  readonly apiKey: string
  readonly operator: string
  readonly operatorPassword: string
  /** Present when the database was given and empty: its first organization exists from now on. */
  readonly firstSecrets: FirstSecrets | undefined
}

/**
 * All processes of the service with data of their own that goes when they stop, or on the servers that `DATABASE_URL`
 * and `REDIS_URL` name. The port is a free one unless `PORT` is set.
 */
export class DemoService {
  readonly #folder: string
  readonly #supervisor: Supervisor
  readonly #isDatabaseGiven: boolean
  /** Present when queues are on a given Redis, but tables are not on a given Postgres. */
  readonly #lentRedisUrl: string | undefined
  #borrowedRedisUrl: string | undefined
  #stopped: Promise<void> | undefined

  constructor(environment: NodeJS.ProcessEnv, onLine: (text: string) => void) {
    this.#isDatabaseGiven = Boolean(environment['DATABASE_URL'])
    this.#lentRedisUrl = this.#isDatabaseGiven ? undefined : environment['REDIS_URL'] || undefined
    this.#folder = mkdtempSync(join(tmpdir(), 'tabkeeper-demo-'))
    // So that the user whom Postgres runs as under root can enter it; what is secret inside has its own mode.
    chmodSync(this.#folder, 0o755)
    this.#supervisor = new Supervisor({
      environment: {
        ...environment,
        PORT: environment['PORT'] || '0',
        LOG_LEVEL: environment['LOG_LEVEL'] || 'warn',
        TABKEEPER_DATA_DIR: this.#folder,
      },
    })
    this.#supervisor.on('line', (name, text) => onLine(`${name}: ${text}`))
    this.#supervisor.on('death', (name, how) => onLine(`${name} ended with ${how} and starts again`))
  }

  /** Starts everything and creates an organization for this run; `stop` is due even when it rejects. */
  async start(): Promise<DemoAccess> {
    await this.#borrowRedis()
    await this.#supervisor.prepare()
    const { databaseUrl } = this.#supervisor
    const firstSecrets = this.#isDatabaseGiven ? await ensureFirstOrganization(databaseUrl) : undefined
    const operator = this.#isDatabaseGiven ? `demo-${randomBytes(4).toString('hex')}` : 'operator'
    const { apiKey, operatorPassword = '' } = await createOrganization(databaseUrl, { name: 'Demo', operator })
    await this.#supervisor.start()
    return { url: this.#supervisor.url, apiKey, operator, operatorPassword, firstSecrets }
  }

  /** Ends all processes and deletes the data that was this run's own. A second call waits for the first. */
  stop(): Promise<void> {
    this.#stopped ??= this.#stopAndRemove()
    return this.#stopped
  }

  async #stopAndRemove(): Promise<void> {
    await this.#supervisor.stop()
    await this.#supervisor.removeData()
    rmSync(this.#folder, { recursive: true, force: true })
    if (this.#borrowedRedisUrl !== undefined) await deleteQueues(this.#borrowedRedisUrl)
  }

  async #borrowRedis(): Promise<void> {
    if (this.#lentRedisUrl === undefined) return
    await requireNoQueues(this.#lentRedisUrl)
    this.#borrowedRedisUrl = this.#lentRedisUrl
  }
}
