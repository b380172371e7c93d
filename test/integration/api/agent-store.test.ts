import type { Pool } from 'pg'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type Connection, createConnection, createPool, withOrganization } from '../../../db/connection.ts'
import { listPendingTransactions } from '../../../db/transactions/pending-transactions.ts'
import { issueBills } from '../../../workers/issue-invoices/issue-bills.ts'
import { postPending } from '../../../workers/post-transactions/post-pending.ts'
import { type ApiClient, startApi, type TestApi } from '../../support/api.ts'

let api: TestApi
let client: ApiClient
let pool: Pool
let connection: Connection

beforeAll(async () => {
  api = await startApi()
  client = await api.client()
  pool = createPool({ url: api.config.databaseUrl, role: 'tabkeeper_worker', max: 4, name: 'test' })
  connection = createConnection(pool)
})
afterAll(async () => {
  await pool.end()
  await api.stop()
})

const TIME = expect.stringMatching(/^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(?:\.\d{1,6})?Z$/)
const UUID = expect.stringMatching(/^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/)

/** What the worker does with one job. */
async function post(): Promise<void> {
  for (const { organizationId, ids } of await listPendingTransactions(connection, 1000)) {
    await withOrganization(connection, organizationId, (transaction) => postPending(transaction, organizationId, ids))
  }
}

function fault(field: string, type: string) {
  return { detail: [{ loc: ['body', field], msg: expect.any(String), type }], code: 'validation_error' }
}

describe('a subscription to an agent', () => {
  test('has the defaults of the page, and the fields of the request in its answer', async () => {
    const answer = await client.post('/billing/subscriptions', { agent_id: 'poet', user_id: 'ada' })
    expect([answer.status, answer.body]).toEqual([
      201,
      {
        id: UUID,
        agent_id: 'poet',
        user_id: 'ada',
        plan_type: 'monthly',
        price_usd: 9.99,
        status: 'active',
        current_period_start: TIME,
        current_period_end: TIME,
        created_at: TIME,
      },
    ])
    expect((await client.get('/customers/ada')).status).toBe(200)
    expect((await client.get(`/subscriptions/${answer.body.id}`)).body).toMatchObject({
      external_customer_id: 'ada',
      plan_code: 'agent:poet:monthly',
      billing_time: 'anniversary',
      currency: 'USD',
    })
  })

  test('bills its own price from the day it starts, in advance, each period of its plan type', async () => {
    const store = await api.client({ gracePeriodSeconds: 0 })
    const clock = await store.post('/test_clocks', { frozen_time: '2026-01-31T12:00:00Z' })
    const subscribe = (user: string, terms: object) =>
      store.post('/billing/subscriptions', { agent_id: 'painter', user_id: user, ...terms })
    const { body: monthly } = await subscribe('mona', { price_usd: 12.5 })
    const { body: cheaper } = await subscribe('lisa', { price_usd: '0.01' })
    const { body: yearly } = await subscribe('otto', { plan_type: 'yearly', price_usd: 100 })
    expect(monthly).toMatchObject({
      current_period_start: '2026-01-31T12:00:00Z',
      current_period_end: '2026-02-28T00:00:00Z',
    })
    expect(yearly.current_period_end).toBe('2027-01-31T00:00:00Z')
    const bill = () => issueBills(connection, store.organizationId, [monthly.id, cheaper.id, yearly.id])
    await bill()
    await store.post(`/test_clocks/${clock.body.id}/advance`, { frozen_time: '2026-03-31T00:00:00Z' })
    await bill()
    const billed = async (id: string) => {
      const { data } = (await store.get(`/invoices?subscription_id=${id}`)).body
      return data.map((invoice: { total_cents: number; issued_at: string }) => [
        invoice.issued_at.slice(0, 10),
        invoice.total_cents,
      ])
    }
    expect((await billed(monthly.id)).toSorted()).toEqual([
      ['2026-01-31', 1250],
      ['2026-02-28', 1250],
      ['2026-03-31', 1250],
    ])
    expect(await billed(cheaper.id)).toHaveLength(3)
    expect((await billed(cheaper.id))[0][1]).toBe(1)
    expect(await billed(yearly.id)).toEqual([['2026-01-31', 10_000]])
  })

  test('is one per user and agent while it lives, also when many are asked for at once', async () => {
    const ask = (body: object) => client.post('/billing/subscriptions', body)
    const once = { agent_id: 'actor', user_id: 'eve' }
    const answers = await Promise.all(Array.from({ length: 8 }, () => ask(once)))
    expect(answers.map(({ status }) => String(status)).toSorted()).toEqual(['201', ...Array(7).fill('409')])
    expect((await ask({ ...once, plan_type: 'yearly' })).body).toEqual({
      detail: '"eve" has a live subscription of the agent "actor" already',
      code: 'subscription_exists',
    })
    expect((await ask({ ...once, agent_id: 'actor:eve', user_id: 'x' })).status).toBe(201)
    expect((await ask({ ...once, agent_id: 'actor', user_id: 'eve:x' })).status).toBe(201)
    const id = answers.find(({ status }) => status === 201)?.body.id
    await client.post(`/subscriptions/${id}/cancel`, { at: 'now' })
  })

  test.each([
    ['plan_type', 'enum', { plan_type: 'hourly' }],
    ['plan_type', 'enum', { plan_type: 'constructor' }],
    ['plan_type', 'string_type', { plan_type: null }],
    ['agent_id', 'missing', { agent_id: undefined }],
    ['user_id', 'string_type', { user_id: 7 }],
    ['user_id', 'string_too_short', { user_id: '' }],
    ['user_id', 'string_unstorable', { user_id: 'a\u0000b' }],
    ['agent_id', 'string_too_long', { agent_id: 'x'.repeat(256) }],
    ['price_usd', 'greater_than_equal', { price_usd: -0.01 }],
    ['price_usd', 'decimal_max_places', { price_usd: 9.999 }],
    ['price_usd', 'decimal_max_digits', { price_usd: 1e15 }],
    ['price_usd', 'decimal_max_digits', { price_usd: '1e400' }],
    ['price_usd', 'finite_number', { price_usd: 'NaN' }],
    ['price_usd', 'finite_number', { price_usd: '-Infinity' }],
    ['price_usd', 'decimal_type', { price_usd: null }],
    ['price_usd', 'decimal_type', { price_usd: true }],
    ['price_usd', 'decimal_parsing', { price_usd: '9,99' }],
    ['currency', 'extra_forbidden', { currency: 'EUR' }],
  ])('refuses a wrong %s: %s', async (field, type, about) => {
    const body = { agent_id: 'refused', user_id: 'refused', ...about }
    const answer = await client.post('/billing/subscriptions', body)
    expect([answer.status, answer.body]).toEqual([422, fault(field, type)])
  })

  test('takes the longest names there are', async () => {
    const name = '語'.repeat(255)
    const answer = await client.post('/billing/subscriptions', { agent_id: name, user_id: name })
    expect(answer.status).toBe(201)
  })

  test('a plan of its own under the code of an agent’s product is not taken for one', async () => {
    await client.post('/plans/', { code: 'agent:thief:monthly', name: 'Mine', interval: 'monthly', amount_cents: 1 })
    const answer = await client.post('/billing/subscriptions', { agent_id: 'thief', user_id: 'ada' })
    expect([answer.status, answer.body.code]).toEqual([409, 'plan_exists'])
  })
})

describe('a transaction', () => {
  test('is answered when it is committed, posted once, and listed', async () => {
    const sent = { amount: 25.5, type: 'top_up', reference_id: 'first', user_id: 'ada', description: 'Card' }
    const answer = await client.post('/billing/transactions', sent)
    const taken = {
      id: UUID,
      amount: 25.5,
      currency: 'USD',
      type: 'topup',
      reference_id: 'first',
      agent_id: null,
      user_id: 'ada',
      description: 'Card',
      created_at: TIME,
    }
    expect([answer.status, answer.body]).toEqual([200, { ...taken, status: 'accepted' }])
    const listed = await client.get('/billing/transactions?user_id=ada')
    expect(listed.body).toEqual({ data: [{ ...taken, status: 'pending', posted_at: null }], next_cursor: null })
    await post()
    await post()
    const again = await client.post('/billing/transactions', { ...sent, type: 'TopUp', amount: '25.50' })
    expect([again.status, again.text]).toEqual([200, answer.text])
    expect((await client.get('/billing/transactions?type=Top-Up&status=posted')).body.data).toEqual([
      { ...taken, status: 'posted', posted_at: TIME },
    ])
    expect((await client.get('/billing/balances?user_id=ada')).body.data).toEqual([
      { currency: 'USD', balance: '25.5', updated_at: TIME },
    ])
  })

  test('moves money between the accounts of its type', async () => {
    const store = await api.client()
    const entries = [
      ['topup', 100, {}],
      ['purchase', 30, { agent_id: 'a' }],
      ['usage', '0.000000000001', { agent_id: 'a' }],
      ['refund', 10, { agent_id: 'a' }],
      ['payout', 5, { agent_id: 'a' }],
      ['adjustment', -1.5, {}],
      ['purchase', 2, {}],
      ['chargeback', 1000, { agent_id: 'a' }],
      ['purchase', 0, { agent_id: 'a' }],
    ] as const
    for (const [index, [type, amount, about]] of entries.entries()) {
      const body = { type, amount, reference_id: `move-${index}`, user_id: 'u', ...about }
      expect((await store.post('/billing/transactions', body)).status).toBe(200)
    }
    // Without a user the buyer paid outside; without anybody it is nobody's yet.
    await store.post('/billing/transactions', { type: 'purchase', amount: 7, reference_id: 'outside', agent_id: 'a' })
    await store.post('/billing/transactions', { type: 'topup', amount: 3, reference_id: 'nobody' })
    await post()
    const { rows } = await pool.query(
      `select reason, debit.kind as debit, credit.kind as credit, trim_scale(amount_minor)::text as minor
       from tabkeeper.ledger_postings posting
       join tabkeeper.ledger_accounts debit on debit.id = debit_account_id
       join tabkeeper.ledger_accounts credit on credit.id = credit_account_id
       join tabkeeper.transactions t on t.id::text = posting.reference_id
       where posting.organization_id = $1 order by t.id`,
      [store.organizationId],
    )
    expect(rows.map((row) => Object.values(row).join(' '))).toEqual([
      'topup cash customer_balance 10000',
      'purchase customer_balance agent_payable 3000',
      'usage customer_balance agent_payable 0.0000000001',
      'refund agent_payable customer_balance 1000',
      'payout agent_payable cash 500',
      'adjustment customer_balance adjustments 150',
      'purchase customer_balance revenue 200',
      'purchase cash agent_payable 700',
      'topup cash unassigned 300',
    ])
    const balance = async (owner: string) => (await store.get(`/billing/balances?${owner}`)).body.data[0].balance
    expect(await balance('user_id=u')).toBe('76.499999999999')
    expect(await balance('agent_id=a')).toBe('22.000000000001')
    const recorded = await store.get('/billing/transactions?status=recorded')
    expect(recorded.body.data.map(({ type }: { type: string }) => type)).toEqual(['purchase', 'chargeback'])
  })

  test('is one per reference, sent from twenty connections at once', async () => {
    const store = await api.client()
    const sent = { amount: 1, type: 'usage', reference_id: 'racy', agent_id: 'a', user_id: 'u' }
    const [answers, others] = await Promise.all([
      Promise.all(Array.from({ length: 20 }, () => store.post('/billing/transactions', sent))),
      Promise.all(
        Array.from({ length: 5 }, (_, index) =>
          store.post('/billing/transactions', { ...sent, reference_id: `other-${index}` }),
        ),
      ),
    ])
    expect(new Set(answers.map(({ status, text }) => `${status} ${text}`)).size).toBe(1)
    expect(others.map(({ status }) => status)).toEqual([200, 200, 200, 200, 200])
    await Promise.all([post(), post(), post()])
    expect((await store.get('/billing/balances?agent_id=a')).body.data[0].balance).toBe('6')
    expect((await store.get('/billing/transactions?agent_id=a')).body.data).toHaveLength(6)
  })

  test.each([
    ['amount', { amount: 2 }],
    ['type', { type: 'payout' }],
    ['agent', { agent_id: 'other' }],
    ['user', { user_id: null }],
    ['description', { description: '' }],
  ])('with the reference of another %s is a conflict', async (_name, change) => {
    const store = await api.client()
    const sent = { amount: 1, type: 'purchase', reference_id: 'taken', agent_id: 'a', user_id: 'u' }
    await store.post('/billing/transactions', sent)
    const answer = await store.post('/billing/transactions', { ...sent, ...change })
    expect([answer.status, answer.body]).toEqual([
      409,
      { detail: 'the reference "taken" belongs to a transaction with another content', code: 'transaction_conflict' },
    ])
  })

  test('of a key that speaks for one customer is that customer’s', async () => {
    const store = await api.client()
    const { body } = await store.post('/api_keys', { name: 'Ada’s', external_customer_id: 'ada' })
    const ada = api.clientOf({ ...store, apiKey: body.key })
    const sent = { amount: 4, type: 'topup', reference_id: 'hers' }
    expect((await ada.post('/billing/transactions', sent)).body).toMatchObject({ user_id: 'ada' })
    expect((await ada.post('/billing/transactions', { ...sent, user_id: 'ada' })).status).toBe(200)
    expect((await ada.post('/billing/transactions', { ...sent, user_id: 'eve' })).status).toBe(403)
    expect((await ada.get('/billing/balances?user_id=ada')).status).toBe(403)
  })

  test('two of one reference and other content in one moment: the first is taken, the second told', async () => {
    const store = await api.client()
    const send = (amount: number) => store.post('/billing/transactions', { amount, type: 'usage', reference_id: 'r' })
    const answers = await Promise.all([send(1), send(2), send(1)])
    const statuses = answers.map(({ status }) => status)
    expect([
      [200, 409, 200],
      [409, 200, 409],
    ]).toContainEqual(statuses)
  })

  test('keeps every digit of a number that a double would lose', async () => {
    const body =
      '{"amount": 123456789012345.000000000001, "type": "usage", "reference_id": "exact", "agent_id": "exact"}'
    const answer = await client.post('/billing/transactions', body)
    expect(answer.text).toContain('"amount":123456789012345.000000000001,')
    await post()
    expect((await client.get('/billing/balances?agent_id=exact')).body.data[0].balance).toBe(
      '123456789012345.000000000001',
    )
  })

  test.each([
    ['amount', 'missing', { amount: undefined }],
    ['amount', 'decimal_type', { amount: null }],
    ['amount', 'decimal_type', { amount: [1] }],
    ['amount', 'decimal_type', { amount: { rawJSON: '1' } }],
    ['amount', 'finite_number', { amount: 'nan' }],
    ['amount', 'finite_number', { amount: 'Infinity' }],
    ['amount', 'decimal_max_digits', { amount: '1e99' }],
    ['amount', 'decimal_max_digits', { amount: 1e300 }],
    ['amount', 'decimal_max_digits', { amount: '1000000000000000' }],
    ['amount', 'decimal_max_places', { amount: '0.0000000000001' }],
    ['amount', 'decimal_parsing', { amount: '' }],
    ['amount', 'decimal_parsing', { amount: '0x10' }],
    ['amount', 'decimal_parsing', { amount: '1; drop table transactions' }],
    ['amount', 'greater_than_equal', { amount: -1 }],
    ['amount', 'greater_than_equal', { amount: -1, type: 'memo' }],
    ['amount', 'greater_than_equal', { amount: -1, type: 'Refund' }],
    ['type', 'missing', { type: undefined }],
    ['type', 'string_too_short', { type: '' }],
    ['type', 'string_type', { type: 1 }],
    ['reference_id', 'string_too_long', { reference_id: 'x'.repeat(256) }],
    ['reference_id', 'string_unstorable', { reference_id: '\ud800' }],
    ['agent_id', 'string_type', { agent_id: 5 }],
    ['amount_usd', 'extra_forbidden', { amount_usd: 5 }],
  ])('refuses a wrong %s: %s', async (field, type, about) => {
    const sent = { amount: 1, type: 'usage', reference_id: 'refused', ...about }
    const answer = await client.post('/billing/transactions', sent)
    expect([answer.status, answer.body]).toEqual([422, fault(field, type)])
  })

  test.each(['{"amount": NaN, "type": "usage", "reference_id": "r"}', '{"amount": Infinity}'])(
    'refuses at its field what JSON does not know: %s',
    async (body) => {
      const answer = await client.post('/billing/transactions', body)
      expect([answer.status, answer.body]).toEqual([422, fault('amount', 'finite_number')])
    },
  )

  test('minus zero is zero, and a negative adjustment is taken', async () => {
    const zero = await client.post('/billing/transactions', '{"amount": -0.0, "type": "usage", "reference_id": "zero"}')
    expect([zero.status, zero.body.amount]).toEqual([200, 0])
    const sent = { amount: -5, type: 'Adjustment', reference_id: 'correction', agent_id: 'corrected' }
    expect((await client.post('/billing/transactions', sent)).body).toMatchObject({ amount: -5, type: 'adjustment' })
    await post()
    expect((await client.get('/billing/balances?agent_id=corrected')).body.data[0].balance).toBe('-5')
  })
})

describe('lists and balances', () => {
  test('a list is paged, newest first, and knows only its own organization', async () => {
    const [one, other] = [await api.client(), await api.client()]
    for (const index of [1, 2, 3]) {
      const sent = { amount: index, type: 'usage', reference_id: `page-${index}`, agent_id: 'same' }
      await one.post('/billing/transactions', sent)
    }
    const references = (page: { body: { data: { reference_id: string }[] } }) =>
      page.body.data.map(({ reference_id }) => reference_id)
    const first = await one.get('/billing/transactions?agent_id=same&limit=2')
    expect(references(first)).toEqual(['page-3', 'page-2'])
    const second = await one.get(`/billing/transactions?agent_id=same&limit=2&cursor=${first.body.next_cursor}`)
    expect([references(second), second.body.next_cursor]).toEqual([['page-1'], null])
    await post()
    expect((await other.get('/billing/transactions')).body.data).toEqual([])
    expect((await other.get('/billing/balances?agent_id=same')).body.data).toEqual([])
    const taken = await other.post('/billing/transactions', { amount: 9, type: 'usage', reference_id: 'page-1' })
    expect(taken.status).toBe(200)
  })

  test('nobody known has nothing; a balance is of one', async () => {
    expect((await client.get('/billing/transactions?user_id=unheard-of')).body.data).toEqual([])
    expect((await client.get('/billing/balances?agent_id=unheard-of')).body.data).toEqual([])
    expect((await client.get('/billing/balances')).status).toBe(422)
    expect((await client.get('/billing/balances?agent_id=a&user_id=u')).status).toBe(422)
  })

  test('every balance is the sum of its postings', async () => {
    const { rows } = await pool.query(`
      select balance.account_id from tabkeeper.ledger_balances balance
      left join lateral (select sum(case when credit_account_id = balance.account_id then amount_minor else -amount_minor end)
        as posted from tabkeeper.ledger_postings
        where balance.account_id in (debit_account_id, credit_account_id)) as sums on true
      where balance.balance_minor is distinct from sums.posted`)
    expect(rows).toEqual([])
  })
})

test('what was sent never changes, and is never deleted', async () => {
  await client.post('/billing/transactions', { amount: 1, type: 'usage', reference_id: 'kept' })
  for (const statement of ['update transactions set amount = 2', 'delete from transactions']) {
    await expect(pool.query(statement)).rejects.toThrow('permission denied')
  }
})
