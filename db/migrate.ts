import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { runMigrations } from 'bullmq'
import { Client } from 'pg'

const MIGRATIONS_FOLDER = join(import.meta.dirname, 'migrations')

// One key for all Tabkeeper processes, so that two releases started at once take turns.
const MIGRATION_LOCK = 7_282_533_701

/**
 * Brings the database to the newest schema: ours in `tabkeeper`, the queues' in `bullmq`. Forward only; every file runs
 * once, in its own transaction, in the order of its number. Calling it again does nothing.
 */
export async function migrate(ownerDatabaseUrl: string): Promise<void> {
  const client = new Client({ connectionString: ownerDatabaseUrl, options: '-c search_path=tabkeeper' })
  await client.connect()
  try {
    await client.query('select pg_advisory_lock($1)', [MIGRATION_LOCK])
    await migrateTabkeeper(client)
    await migrateQueues(client)
  } finally {
    await client.end()
  }
}

async function migrateTabkeeper(client: Client): Promise<void> {
  await client.query('create schema if not exists tabkeeper')
  await client.query(
    'create table if not exists migrations (name text primary key, applied_at timestamptz not null default now())',
  )
  for (const file of await listPending(client)) await applyFile(client, file)
}

/** The files that the database lacks, all of them where it has no schema. Changes nothing. */
export async function listPendingMigrations(ownerDatabaseUrl: string): Promise<readonly string[]> {
  const client = new Client({ connectionString: ownerDatabaseUrl, options: '-c search_path=tabkeeper' })
  await client.connect()
  try {
    const { rows } = await client.query<{ found: boolean }>(`select to_regclass('migrations') is not null as found`)
    return rows[0]?.found === true ? await listPending(client) : await listFiles()
  } finally {
    await client.end()
  }
}

/** The name of the newest file: what the schema of an up-to-date database is. */
export async function newestMigration(): Promise<string> {
  return (await listFiles()).at(-1) ?? ''
}

async function listPending(client: Client): Promise<readonly string[]> {
  const applied = await client.query<{ name: string }>('select name from migrations')
  const appliedNames = new Set(applied.rows.map((row) => row.name))
  return (await listFiles()).filter((file) => !appliedNames.has(file))
}

async function listFiles(): Promise<readonly string[]> {
  return (await readdir(MIGRATIONS_FOLDER)).filter((file) => file.endsWith('.sql')).sort()
}

async function applyFile(client: Client, file: string): Promise<void> {
  const statements = await readFile(join(MIGRATIONS_FOLDER, file), 'utf8')
  await client.query('begin')
  try {
    await client.query(statements)
    await client.query('insert into migrations (name) values ($1)', [file])
    await client.query('commit')
  } catch (error) {
    await client.query('rollback')
    throw error
  }
}

// Queue tables hold no tenant's rows of ours, but the processes that use them are not the owner. The first job of a
// queue creates its sequence of ids, by whichever role comes first; both must be able to use it from then on.
async function migrateQueues(client: Client): Promise<void> {
  await runMigrations(client)
  await client.query(`
    grant usage, create on schema bullmq to tabkeeper_app, tabkeeper_worker;
    grant select, insert, update, delete on all tables in schema bullmq to tabkeeper_app, tabkeeper_worker;
    grant usage, select on all sequences in schema bullmq to tabkeeper_app, tabkeeper_worker;
    alter default privileges for role tabkeeper_app, tabkeeper_worker in schema bullmq
      grant usage, select on sequences to tabkeeper_app, tabkeeper_worker;
    grant execute on all functions in schema bullmq to tabkeeper_app, tabkeeper_worker`)
  // What is large in a job is compressed already; to try again costs a twentieth of what its events cost. Asked before, because
  // the change waits for all who use the table, and others for it.
  const { rows } = await client.query<{ name: string }>(
    `select attname as name from pg_attribute
     where attrelid = 'bullmq.job'::regclass and attname = 'data' and attstorage <> 'e'`,
  )
  if (rows.length > 0) await client.query('alter table bullmq.job alter column data set storage external')
}

if (import.meta.main) {
  const url = process.env['DATABASE_URL']
  if (url === undefined) {
    console.error('DATABASE_URL is missing; for example postgres://user:password@127.0.0.1:5432/tabkeeper')
    process.exit(1)
  }
  await migrate(url)
}
