import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { startService, type TestService } from '../../support/service.ts'
import { runTabkeeper } from '../../support/tabkeeper.ts'

let service: TestService
let archive: string
beforeAll(async () => {
  service = await startService()
  archive = mkdtempSync(join(tmpdir(), 'tabkeeper-archive-'))
})
afterAll(async () => {
  await service.stop()
  rmSync(archive, { recursive: true, force: true })
})

async function partitions(...words: string[]): Promise<void> {
  const done = await runTabkeeper(['partitions', ...words, '--json'], { DATABASE_URL: service.api.config.databaseUrl })
  expect([done.exitCode, done.errors]).toEqual([0, expect.anything()])
}

test('an event that is archived is not tried again, and the answer says so, until its month is restored', async () => {
  const client = await service.client('2026-01-01T00:00:00Z')
  const metric = { code: 'tokens', name: 'Tokens', aggregation: 'sum', field_name: 'tokens' }
  const { id } = await client.create('/billable_metrics', metric)
  const charges = [{ billable_metric_id: id, charge_model: 'standard', properties: { amount: '1' } }]
  const plan = { code: 'usage', name: 'Usage', interval: 'monthly', late_usage: 'refuse', charges }
  await client.create('/plans/', plan)
  await client.create('/customers', { external_id: 'acme' })
  await client.create('/subscriptions', { external_customer_id: 'acme', plan_code: 'usage' })
  await client.advanceTo('2026-03-01T02:00:00Z')
  const event = (transactionId: string, timestamp: string, tokens: unknown) => ({
    transaction_id: transactionId,
    external_customer_id: 'acme',
    code: 'tokens',
    timestamp,
    properties: { tokens },
  })
  await client.send([event('late', '2026-01-20T00:00:00Z', 5), event('wrong', '2026-03-01T01:00:00Z', 'many')])
  const listed = async () => (await client.get('/events/unprocessed')).body.data
  const late = (await listed()).find(({ reason }: { reason: string }) => reason === 'period_closed')
  await client.advanceTo('2026-04-01T02:00:00Z')
  await client.patch('/plans/usage', { late_usage: 'next_invoice' })
  await partitions('archive', '--before', '2026-02', '--to', archive)

  const archived = { status: 409, body: { code: 'usage_archived', detail: expect.stringContaining('2026-01') } }
  expect(await client.post(`/events/unprocessed/${late.id}/retry`)).toMatchObject(archived)
  expect(await client.post('/events/unprocessed/retry', { reason: 'period_closed' })).toMatchObject(archived)
  // The other one is tried again.
  expect(await client.post('/events/unprocessed/retry')).toMatchObject({ status: 202, body: { events: 1 } })
  expect(await client.post('/events/unprocessed/retry', { code: 'unread' })).toMatchObject({ body: { events: 0 } })

  await partitions('restore', '--month', '2026-01', '--from', archive)
  expect(await client.post('/events/unprocessed/retry')).toMatchObject({ status: 202, body: { events: 2 } })
  const isWrong = [expect.objectContaining({ transaction_id: 'wrong', reason: 'value_not_a_number' })]
  await vi.waitFor(async () => expect(await listed()).toEqual(isWrong), { timeout: 20_000 })
})
