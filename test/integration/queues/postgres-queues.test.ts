import { Client, type Pool } from 'pg'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { createConnection, createPool, withOrganization } from '../../../db/connection.ts'
import { poolOfQueues } from '../../../queues/postgres-queues.ts'
import { startApi, type TestApi } from '../../support/api.ts'

interface Queries {
  query(text: string, values?: unknown[]): Promise<{ readonly rows: Record<string, unknown>[] }>
}

let api: TestApi
let pool: Pool
let queues: Queries

beforeAll(async () => {
  api = await startApi()
  // One connection, so that every command meets the plans of those before it.
  pool = createPool({ url: api.config.databaseUrl, role: 'tabkeeper_worker', max: 1, name: 'test', pipeline: true })
  queues = poolOfQueues(pool) as unknown as Queries
})
afterAll(async () => {
  await pool.end()
  await api.stop()
})

test('a command is parsed once on a connection, beside the statements of the query builder', async () => {
  const connection = createConnection(pool)
  const texts = ['select $1::integer + 1 as sum', 'select $1::integer * 2 as product']
  for (let time = 1; time <= 3; time += 1) {
    const answers = await Promise.all(texts.map((text) => queues.query(text, [time])))
    expect(answers.map(({ rows }) => rows)).toEqual([[{ sum: time + 1 }], [{ product: time * 2 }]])
    await withOrganization(connection, 1, (transaction) => transaction.selectFrom('customers').select('id').execute())
  }
  const { rows } = await pool.query('select name, statement from pg_prepared_statements order by statement')
  expect(rows.filter(({ statement }) => texts.includes(statement)).map(({ name }) => name)).toEqual([
    expect.stringMatching(/^queues_\d+$/),
    expect.stringMatching(/^queues_\d+$/),
  ])
  expect(rows.map(({ name }) => name)).toContainEqual(expect.stringMatching(/^prepared_\d+$/))
})

test('a command whose columns a newer release has changed is asked again, and answered', async () => {
  const owner = new Client({ connectionString: api.config.databaseUrl, options: '-c search_path=tabkeeper' })
  await owner.connect()
  try {
    await owner.query('create table job_of_old (id integer); grant select on job_of_old to tabkeeper_worker')
    await owner.query('insert into job_of_old values (1)')
    const text = 'select * from job_of_old where id = $1'
    expect((await queues.query(text, [1])).rows).toEqual([{ id: 1 }])
    await owner.query(`alter table job_of_old add column added text default 'new'`)
    expect((await queues.query(text, [1])).rows).toEqual([{ id: 1, added: 'new' }])
  } finally {
    await owner.end()
  }
})

test('without values a command is answered as with an empty list', async () => {
  expect((await queues.query('select 1 as one')).rows).toEqual([{ one: 1 }])
})
