import { afterAll, beforeAll, expect, test } from 'vitest'
import { holdWritesTo } from '../support/faults-locks.ts'
import { type FaultyService, startFaultyService } from '../support/faults-service.ts'
import { until } from '../support/faults-until.ts'

const CONNECTIONS = 20
const SENT = { amount: 12.5, type: 'topup', reference_id: 'sent-by-many', agent_id: 'poet', user_id: 'ada' }

let service: FaultyService

beforeAll(async () => {
  service = await startFaultyService()
})

afterAll(() => service?.stop())

test('a transaction sent from twenty connections at once is posted once, though its worker is killed twice', async () => {
  const atPosting = await holdWritesTo(service.pool, 'tabkeeper.ledger_postings')
  const answers = await Promise.all(Array.from({ length: CONNECTIONS }, () => send()))
  expect(new Set(answers).size).toBe(1)
  expect(answers[0]).toMatch(/^200 /)
  await atPosting.reached('insert into ledger_postings')
  await service.kill('post-transactions')
  const atBalance = await holdWritesTo(service.pool, 'tabkeeper.ledger_balances')
  await atPosting.lift()
  await atBalance.reached('insert into ledger_balances')
  await service.kill('post-transactions')
  expect(await countPostings()).toBe(0)
  await atBalance.lift()
  await until('it is posted', async () => (await listStatuses()).every((status) => status === 'posted'))
  expect(await listStatuses()).toEqual(['posted'])
  expect(await countPostings()).toBe(1)
  expect(await send()).toBe(answers[0])
  const { data } = await service.client.get<{ data: { balance: string }[] }>('/v1/billing/balances?user_id=ada')
  expect(data.map(({ balance }) => balance)).toEqual(['12.5'])
})

test('many transactions are each posted once, though their worker dies while they come in', async () => {
  const references = Array.from({ length: 300 }, (_, index) => `many-${index}`)
  const sending = Promise.all(references.map((reference_id) => send({ ...SENT, reference_id, user_id: 'eve' })))
  await service.kill('post-transactions')
  expect((await sending).every((answer) => answer.startsWith('200 '))).toBe(true)
  await service.kill('post-transactions')
  await until('all are posted', async () => (await listStatuses()).every((status) => status === 'posted'))
  expect(await countPostings()).toBe(301)
  const { data } = await service.client.get<{ data: { balance: string }[] }>('/v1/billing/balances?user_id=eve')
  expect(data.map(({ balance }) => balance)).toEqual(['3750'])
})

/** The status and the text of the answer. */
async function send(body: object = SENT): Promise<string> {
  const response = await fetch(`${service.url}/v1/billing/transactions`, {
    method: 'POST',
    headers: { authorization: `Bearer ${service.apiKey}`, 'content-type': 'application/json', connection: 'close' },
    body: JSON.stringify(body),
  })
  return `${response.status} ${await response.text()}`
}

async function listStatuses(): Promise<string[]> {
  const { rows } = await service.pool.query<{ status: string }>('select status from tabkeeper.transactions')
  return rows.map(({ status }) => status)
}

async function countPostings(): Promise<number> {
  const { rows } = await service.pool.query<{ count: string }>('select count(*) from tabkeeper.ledger_postings')
  return Number(rows[0]?.count)
}
