import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { EmbeddedPostgres } from '../../db/embedded/embedded-postgres.ts'
import { createTemplate, dropTemplate } from './postgres.ts'

/** Before the first test of a run: a server, unless one is given, and on it a migrated database to copy from. */
export async function setup(): Promise<void> {
  if (process.env['TABKEEPER_TEST_TEMPLATE'] !== undefined) return
  if (process.env['TABKEEPER_TEST_DATABASE_URL'] === undefined) await startServer()
  process.env['TABKEEPER_TEST_TEMPLATE'] = await createTemplate()
}

/** After the last test of a run. Projects share one server: whoever started it ends it. */
export async function teardown(): Promise<void> {
  const template = process.env['TABKEEPER_TEST_TEMPLATE']
  delete process.env['TABKEEPER_TEST_TEMPLATE']
  if (template !== undefined) await dropTemplate(template)
  await stopServer()
}

let server: { readonly postgres: EmbeddedPostgres; readonly folder: string } | undefined

async function startServer(): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'tabkeeper-test-'))
  const postgres = new EmbeddedPostgres({ folder, profile: 'test' })
  server = { postgres, folder }
  await postgres.start()
  process.env['TABKEEPER_TEST_DATABASE_URL'] = postgres.url
}

async function stopServer(): Promise<void> {
  if (server === undefined) return
  await server.postgres.remove()
  rmSync(server.folder, { recursive: true, force: true })
  server = undefined
  delete process.env['TABKEEPER_TEST_DATABASE_URL']
}
