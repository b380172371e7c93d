import { setTimeout as pause } from 'node:timers/promises'
import { sql } from 'kysely'
import { afterAll, expect, test } from 'vitest'
import { createConnection, type OrganizationTransaction, withOrganization } from '../../../db/connection.ts'
import type { ApiClient } from '../../support/api.ts'
import { openTwoOrganizations } from '../../support/two-organizations.ts'

const PIPELINED = { role: 'tabkeeper_app', pipeline: true } as const

const { one, other, pool, connection, openPool, stop } = await openTwoOrganizations(PIPELINED)
afterAll(stop)
for (const client of [one, other]) await client.post('/customers', { external_id: `of-${client.organizationId}` })

async function customers(transaction: OrganizationTransaction): Promise<string[]> {
  const rows = await transaction.selectFrom('customers').select('externalId').orderBy('externalId').execute()
  return rows.map(({ externalId }) => externalId)
}

function readCustomers({ organizationId }: ApiClient): Promise<string[]> {
  return withOrganization(connection, organizationId, customers, { onlyReads: true })
}

async function insert(transaction: OrganizationTransaction, externalId: string): Promise<void> {
  await transaction.insertInto('customers').values({ organizationId: one.organizationId, externalId }).execute()
}

async function processId(transaction: OrganizationTransaction): Promise<number> {
  const { rows } = await sql<{ pid: number }>`select pg_backend_pid() as pid`.execute(transaction)
  return rows[0]?.pid ?? 0
}

test('readings one right after the other on one connection see the rows of their own organization', async () => {
  const turns = Array.from({ length: 40 }, (_, turn) => (turn % 3 === 0 ? other : one))
  const seen = await Promise.all(turns.map(readCustomers))
  expect(seen).toEqual(turns.map(({ organizationId }) => [`of-${organizationId}`]))
})

test('outside a transaction nothing of an organization is left on the connection', async () => {
  await readCustomers(one)
  const { rows } = await pool.query('select external_id from tabkeeper.customers')
  expect(rows).toEqual([])
})

test('what is said only to read cannot write', async () => {
  const written = withOrganization(
    connection,
    one.organizationId,
    (transaction) => insert(transaction, 'written-by-a-reader'),
    { onlyReads: true },
  )
  await expect(written).rejects.toThrow('read-only transaction')
  expect(await readCustomers(one)).not.toContain('written-by-a-reader')
})

test('what writes is there for others once it is answered, and gone when it throws', async () => {
  const another = openPool({ role: 'tabkeeper_app' })
  const beside = createConnection(another)
  expect(await withOrganization(beside, one.organizationId, customers)).not.toContain('written')
  await withOrganization(connection, one.organizationId, (transaction) => insert(transaction, 'written'))
  expect(await withOrganization(beside, one.organizationId, customers)).toContain('written')
  await another.end()
  const failed = withOrganization(connection, one.organizationId, async (transaction) => {
    await insert(transaction, 'gone')
    throw new Error('after the insert')
  })
  await expect(failed).rejects.toThrow('after the insert')
  expect(await readCustomers(one)).not.toContain('gone')
})

// No text that Postgres takes, so that naming the organization fails.
const UNNAMEABLE = '\0' as unknown as number

test('what a transaction could not begin with is what its first statement throws, however late that comes', async () => {
  const failed = withOrganization(connection, UNNAMEABLE, async (transaction) => {
    await pause(20)
    return await customers(transaction)
  })
  await expect(failed).rejects.toThrow('invalid byte sequence')
  expect(await readCustomers(one)).toContain(`of-${one.organizationId}`)
})

test('of a transaction that could not begin nothing is written, whatever its work makes of that', async () => {
  const stubborn = withOrganization(connection, UNNAMEABLE, async (transaction) => {
    for (let time = 0; time < 3; time += 1) await insert(transaction, 'stubborn').catch(() => undefined)
  })
  await expect(stubborn).rejects.toThrow('invalid byte sequence')
  expect(await readCustomers(one)).not.toContain('stubborn')
})

test('work that throws before it asks for anything is answered with what it threw', async () => {
  const failed = withOrganization(connection, UNNAMEABLE, () => Promise.reject(new Error('of its own')))
  await expect(failed).rejects.toThrow('of its own')
  expect(await readCustomers(one)).toContain(`of-${one.organizationId}`)
})

test('what writes is answered with an error when its connection is cut before it is committed', async () => {
  const cut = withOrganization(connection, one.organizationId, async (transaction) => {
    await insert(transaction, 'uncommitted')
    await terminate(await processId(transaction))
  })
  await expect(cut).rejects.toThrow(/terminat/)
  expect(await readCustomers(one)).not.toContain('uncommitted')
})

test('a pool ends behind readings that have been answered', async () => {
  const ending = openPool(PIPELINED)
  const seen = await withOrganization(createConnection(ending), one.organizationId, customers, { onlyReads: true })
  await ending.end()
  expect(seen).toContain(`of-${one.organizationId}`)
})

test('a connection that is cut while its transaction does other things fails the next statement, and no more', async () => {
  const cut = withOrganization(
    connection,
    one.organizationId,
    async (transaction) => {
      await terminate(await processId(transaction))
      return await customers(transaction)
    },
    { onlyReads: true },
  )
  await expect(cut).rejects.toThrow(/terminat/)
  expect(await readCustomers(other)).toEqual([`of-${other.organizationId}`])
})

test('a connection that is cut right after it began, before anything was asked, fails the work and not the process', async () => {
  const pid = await withOrganization(connection, one.organizationId, processId)
  const cut = withOrganization(connection, one.organizationId, async (transaction) => {
    await terminate(pid)
    return await customers(transaction)
  })
  await expect(cut).rejects.toThrow(/terminat/)
  expect(await readCustomers(other)).toEqual([`of-${other.organizationId}`])
})

/** Ends the server's process, and waits until its client must have heard. */
async function terminate(pid: number): Promise<void> {
  const owner = openPool({ role: 'tabkeeper_worker' })
  try {
    await owner.query('reset role')
    await owner.query('select pg_terminate_backend($1, 5000)', [pid])
    await pause(50)
  } finally {
    await owner.end()
  }
}
