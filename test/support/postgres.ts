import { randomBytes } from 'node:crypto'
import { Client, escapeIdentifier } from 'pg'
import { migrate } from '../../db/migrate.ts'

/** A database of one test file's own. */
export interface TestDatabase {
  /** The owner's connection string. */
  readonly url: string
  /** Closes what is still connected to it and deletes it. */
  drop(): Promise<void>
}

/** Creates a migrated, empty database: a copy of the template, which takes milliseconds. */
export async function createTestDatabase(): Promise<TestDatabase> {
  const name = `test_${randomBytes(8).toString('hex')}`
  await onServer(`create database ${name} template ${escapeIdentifier(requireVariable('TABKEEPER_TEST_TEMPLATE'))}`)
  return { url: urlOf(name), drop: () => onServer(`drop database if exists ${name} with (force)`) }
}

/** Creates and migrates the database that all others of a run are copied from; answers its name. */
export async function createTemplate(): Promise<string> {
  const name = `template_${randomBytes(8).toString('hex')}`
  await onServer(`create database ${name}`)
  await migrate(urlOf(name))
  return name
}

export async function dropTemplate(name: string): Promise<void> {
  await onServer(`drop database if exists ${escapeIdentifier(name)} with (force)`)
}

async function onServer(statement: string): Promise<void> {
  const client = new Client({ connectionString: requireVariable('TABKEEPER_TEST_DATABASE_URL') })
  await client.connect()
  try {
    await client.query(statement)
  } finally {
    await client.end()
  }
}

function urlOf(database: string): string {
  const url = new URL(requireVariable('TABKEEPER_TEST_DATABASE_URL'))
  url.pathname = `/${database}`
  return url.href
}

function requireVariable(name: string): string {
  const value = process.env[name]
  if (value === undefined) throw new Error(`${name} is missing: this test belongs to a project with a Postgres server`)
  return value
}
