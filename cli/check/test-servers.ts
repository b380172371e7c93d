import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { EmbeddedPostgres } from '../../db/embedded/embedded-postgres.ts'
import { type RedisServer, startRedis } from './redis-server.ts'

/** The Postgres and the Redis of one run of the checks, each started when the first suite needs it. */
export class TestServers {
  #postgres: { readonly server: EmbeddedPostgres; readonly folder: string } | undefined
  #redis: RedisServer | undefined

  /** What suites on Postgres need to know, and a folder for what they write that goes when the servers go. */
  async postgresEnvironment(): Promise<Readonly<Record<string, string>>> {
    if (this.#postgres === undefined) {
      const folder = mkdtempSync(join(tmpdir(), 'tabkeeper-check-'))
      mkdirSync(join(folder, 'tests'))
      this.#postgres = { folder, server: new EmbeddedPostgres({ folder, profile: 'test' }) }
      await this.#postgres.server.start()
    }
    return { TABKEEPER_TEST_DATABASE_URL: this.#postgres.server.url, TMPDIR: join(this.#postgres.folder, 'tests') }
  }

  /** What suites need to know whose queues are on Redis. */
  async redisEnvironment(): Promise<Readonly<Record<string, string>>> {
    this.#redis ??= await startRedis()
    return { ...(await this.postgresEnvironment()), ...this.#redis.environment }
  }

  /** Ends both and deletes what they wrote. */
  async stop(): Promise<void> {
    const redis = this.#redis
    const postgres = this.#postgres
    this.#redis = undefined
    this.#postgres = undefined
    await redis?.stop()
    await postgres?.server.remove()
    if (postgres !== undefined) rmSync(postgres.folder, { recursive: true, force: true })
  }
}
