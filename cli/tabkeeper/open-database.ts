import { existsSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { type Connection, createConnection, createPool } from '../../db/connection.ts'
import { EmbeddedPostgres } from '../../db/embedded/embedded-postgres.ts'
import { findRunningServer } from '../../db/embedded/running-server.ts'
import { listPendingMigrations } from '../../db/migrate.ts'
import { PROJECT_FOLDER } from '../start/running-process.ts'
import { CommandError } from './command-error.ts'

const CONNECTIONS = 4

/** A database that a command works on, across all organizations. */
export interface OpenDatabase {
  readonly pool: ReturnType<typeof createPool>
  readonly connection: Connection
}

/**
 * Runs the work on the database in `DATABASE_URL`, or on the embedded one: on its server where that runs, else on one that
 * is started for the work and stopped after it.
 */
export async function withDatabase<Result>(
  environment: NodeJS.ProcessEnv,
  work: (database: OpenDatabase) => Promise<Result>,
): Promise<Result> {
  const url = environment['DATABASE_URL']
  if (url) return await workOn(url, work)
  const folder = resolve(PROJECT_FOLDER, environment['TABKEEPER_DATA_DIR'] || '.tabkeeper')
  if (!existsSync(join(folder, 'postgres-password'))) {
    throw new CommandError('unreachable', `There is no database in ${folder}: set DATABASE_URL or TABKEEPER_DATA_DIR.`)
  }
  const running = findRunningServer(folder)
  if (running !== undefined) return await workOn(running, work)
  const postgres = new EmbeddedPostgres({ folder, profile: 'service' })
  try {
    await postgres.start().catch((error: Error) => {
      throw new CommandError('unreachable', error.message, { cause: error })
    })
    return await workOn(postgres.url, work)
  } finally {
    await postgres.stop()
  }
}

async function workOn<Result>(url: string, work: (database: OpenDatabase) => Promise<Result>): Promise<Result> {
  await requireNewestSchema(url)
  const pool = createPool({ url, role: 'tabkeeper_worker', max: CONNECTIONS, name: 'cli' })
  try {
    return await work({ pool, connection: createConnection(pool) })
  } finally {
    await pool.end()
  }
}

async function requireNewestSchema(url: string): Promise<void> {
  const pending = await listPendingMigrations(url).catch((error: Error & { readonly code?: string }) => {
    // A host with several addresses that all refuse has a code and no message.
    const reason = error.message === '' ? error.code : error.message
    throw new CommandError('unreachable', `The database cannot be reached: ${reason}`, { cause: error })
  })
  if (pending.length === 0) return
  throw new CommandError(
    'failed',
    `The database lacks ${pending.join(', ')}: run npm run migrate, or npm start, first.`,
  )
}
