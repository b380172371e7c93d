import { randomBytes } from 'node:crypto'
import { chmodSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { ensureFirstOrganization, type FirstSecrets } from '../../db/first-organization.ts'
import { createOrganization } from '../../db/organizations.ts'
import { Supervisor } from '../start/supervisor.ts'
import { deleteQueues } from './delete-queues.ts'

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
  /** Queues of this run's own in a given Redis; those of a given database stay as they are. */
  readonly #ownQueues: { readonly redisUrl: string; readonly prefix: string } | undefined
  #stopped: Promise<void> | undefined

  constructor(environment: NodeJS.ProcessEnv, onLine: (text: string) => void) {
    this.#isDatabaseGiven = Boolean(environment['DATABASE_URL'])
    const redisUrl = environment['REDIS_URL']
    if (redisUrl && !this.#isDatabaseGiven) {
      this.#ownQueues = { redisUrl, prefix: `tabkeeper-demo-${randomBytes(4).toString('hex')}` }
    }
    this.#folder = mkdtempSync(join(tmpdir(), 'tabkeeper-demo-'))
    // So that the user whom Postgres runs as under root can enter it; what is secret inside has its own mode.
    chmodSync(this.#folder, 0o755)
    this.#supervisor = new Supervisor({
      environment: {
        ...environment,
        PORT: environment['PORT'] || '0',
        LOG_LEVEL: environment['LOG_LEVEL'] || 'warn',
        TABKEEPER_DATA_DIR: this.#folder,
        ...(this.#ownQueues && { REDIS_PREFIX: this.#ownQueues.prefix }),
      },
    })
    this.#supervisor.on('line', (name, text) => onLine(`${name}: ${text}`))
    this.#supervisor.on('death', (name, how) => onLine(`${name} ended with ${how} and starts again`))
  }

  /** Starts everything and creates an organization for this run; `stop` is due even when it rejects. */
  async start(): Promise<DemoAccess> {
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
    if (this.#ownQueues !== undefined) await deleteQueues(this.#ownQueues.redisUrl, this.#ownQueues.prefix)
  }
}
