import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { TEST_REDIS_DATABASES } from '../../cli/check/redis-server.ts'

let url: string | undefined

/**
 * The Redis of this run, or undefined when the queues live on Postgres. Every test file gets a database of its own,
 * and the same one each time it asks.
 */
export function testRedisUrl(): string | undefined {
  const base = process.env['REDIS_URL']
  if (base === undefined || base === '') return undefined
  url ??= withDatabase(base, takeDatabase())
  return url
}

// A folder can be made only once, so test files that run side by side never take the same number.
function takeDatabase(): number {
  const folder = process.env['TABKEEPER_TEST_REDIS_TAKEN']
  if (folder === undefined) throw new Error('TABKEEPER_TEST_REDIS_TAKEN is missing: set it to an empty folder')
  for (let database = 1; database < TEST_REDIS_DATABASES; database += 1) {
    if (make(join(folder, String(database)))) return database
  }
  throw new Error(`all ${TEST_REDIS_DATABASES} test databases of Redis are taken`)
}

function make(folder: string): boolean {
  try {
    mkdirSync(folder)
    return true
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false
    throw error
  }
}

function withDatabase(base: string, database: number): string {
  const address = new URL(base)
  address.pathname = `/${database}`
  return address.href
}
