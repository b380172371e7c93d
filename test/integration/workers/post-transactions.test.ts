import type { Pool } from 'pg'
import { pino } from 'pino'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { createConnection, createPool } from '../../../db/connection.ts'
import type { WorkerContext } from '../../../workers/context.ts'
import { postTransactions } from '../../../workers/post-transactions/worker.ts'
import { type ApiClient, startApi, type TestApi } from '../../support/api.ts'

let api: TestApi
let pool: Pool
let run: ReturnType<typeof postTransactions.open>

beforeAll(async () => {
  api = await startApi()
  pool = createPool({ url: api.config.databaseUrl, role: 'tabkeeper_worker', max: 4, name: 'test' })
  const context = { connection: createConnection(pool), log: pino({ level: 'silent' }) }
  run = postTransactions.open(context as unknown as WorkerContext)
})
afterAll(async () => {
  await pool.end()
  await api.stop()
})

function send(client: ApiClient, reference_id: string) {
  return client.post('/billing/transactions', { amount: 1, type: 'usage', reference_id, agent_id: 'a', user_id: 'u' })
}

test('a job posts all that is pending, of every organization, and a second one nothing', async () => {
  const [one, other] = [await api.client(), await api.client()]
  await send(one, 'x')
  await send(one, 'y')
  await send(other, 'x')
  expect(await run({})).toEqual({ transactions: 3 })
  expect(await run({})).toEqual({ transactions: 0 })
  for (const [client, balance] of [
    [one, '2'],
    [other, '1'],
  ] as const) {
    expect((await client.get('/billing/balances?agent_id=a')).body.data).toMatchObject([{ currency: 'USD', balance }])
  }
})

test('jobs at once post each transaction once', async () => {
  const client = await api.client()
  await Promise.all(Array.from({ length: 50 }, (_, index) => send(client, `at-once-${index}`)))
  await Promise.all([run({}), run({}), run({})])
  expect((await client.get('/billing/balances?agent_id=a')).body.data[0].balance).toBe('50')
  expect((await client.get('/billing/transactions?status=pending')).body.data).toEqual([])
})

test('one that cannot be posted fails its job and holds up no other, of any organization', async () => {
  const [bad, good] = [await api.client(), await api.client()]
  const { body } = await send(bad, 'stuck')
  await send(bad, 'fine')
  await send(good, 'fine')
  // Somebody has posted it by hand, so that its unique key is taken.
  await pool.query(
    `insert into ledger_postings (organization_id, debit_account_id, credit_account_id, amount_minor, currency, reason,
       reference_kind, reference_id, posted_at)
     select $1, debit_account_id, credit_account_id, 100, 'USD', 'usage', 'transaction', $2, now() from ledger_postings limit 1`,
    [bad.organizationId, body.id],
  )
  await expect(run({})).rejects.toThrow('duplicate key')
  const statuses = async (client: ApiClient) => {
    const { data } = (await client.get('/billing/transactions')).body
    return data.map((row: Record<string, string>) => `${row['reference_id']} ${row['status']}`)
  }
  expect((await statuses(bad)).toSorted()).toEqual(['fine posted', 'stuck pending'])
  expect(await statuses(good)).toEqual(['fine posted'])
})

test('invoices post whole minor units only', async () => {
  await expect(
    pool.query(
      `insert into ledger_postings (organization_id, debit_account_id, credit_account_id, amount_minor, currency, reason,
         reference_kind, reference_id, posted_at)
       select organization_id, debit_account_id, credit_account_id, 0.5, 'USD', 'x', 'invoice', 'x', now()
       from ledger_postings limit 1`,
    ),
  ).rejects.toThrow('ledger_postings_whole_minor_units')
})
