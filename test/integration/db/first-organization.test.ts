import { Client } from 'pg'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { hashApiKey } from '../../../db/catalogue/api-keys.ts'
import { verifyPassword } from '../../../db/catalogue/password.ts'
import { ensureFirstOrganization } from '../../../db/first-organization.ts'
import { createTestDatabase, type TestDatabase } from '../../support/postgres.ts'

let database: TestDatabase
let owner: Client

beforeAll(async () => {
  database = await createTestDatabase()
  owner = new Client({ connectionString: database.url, options: '-c search_path=tabkeeper' })
  await owner.connect()
})
afterAll(async () => {
  await owner.end()
  await database.drop()
})

test('of several processes that start at once, one creates the organization and learns its secrets', async () => {
  const answers = await Promise.all([1, 2, 3].map(() => ensureFirstOrganization(database.url)))
  const [secrets, ...others] = answers.filter((answer) => answer !== undefined)
  expect(others).toEqual([])
  expect(secrets?.apiKey).toMatch(/^tk_[A-Za-z0-9]{32}$/)
  const { rows: organizations } = await owner.query('select name, currency, time_zone from organizations')
  expect(organizations).toEqual([{ name: 'Default', currency: 'USD', time_zone: 'UTC' }])
  const { rows: issuers } = await owner.query('select code, is_default, invoice_number_prefix from issuers')
  expect(issuers).toEqual([{ code: 'default', is_default: true, invoice_number_prefix: 'INV-' }])
  const { rows: keys } = await owner.query('select key_hash, key_prefix from api_keys')
  expect(keys).toEqual([{ key_hash: hashApiKey(secrets?.apiKey ?? ''), key_prefix: secrets?.apiKey.slice(0, 7) }])
  const { rows: operators } = await owner.query('select username, password_hash from operators')
  expect(operators).toHaveLength(1)
  expect(operators[0].username).toBe('operator')
  expect(await verifyPassword(secrets?.operatorPassword ?? '', operators[0].password_hash)).toBe(true)
  expect(await verifyPassword('another', operators[0].password_hash)).toBe(false)
  expect(await verifyPassword('', undefined)).toBe(false)
})

test('the second time it answers nothing and creates nothing', async () => {
  expect(await ensureFirstOrganization(database.url)).toBeUndefined()
  const { rows } = await owner.query('select count(*)::integer as count from api_keys')
  expect(rows).toEqual([{ count: 1 }])
})
