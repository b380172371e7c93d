import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { Pool } from 'pg'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { PROJECT_FOLDER } from '../../../../cli/start/running-process.ts'
import { parseExactJson } from '../../../../shared/json/exact-json.ts'
import { aggregateEvents } from '../../../../workers/aggregate-usage/aggregate-events.ts'
import { postPending } from '../../../../workers/post-transactions/post-pending.ts'
import { type BillingFixture, createBillingFixture } from '../../../support/billing.ts'
import { insertMetric } from '../../../support/metering.ts'
import { priceTouched } from '../../../support/pricing.ts'
import { findRollupFaults } from '../../../support/rollup-reference.ts'
import { expectVerified, runTabkeeper } from '../../../support/tabkeeper.ts'
import { usageEvent } from '../../../support/usage-event.ts'

const START = Date.parse('2026-03-02T00:00:00Z') * 1000
const MINUTE = 60_000_000

let fixture: BillingFixture

beforeAll(async () => {
  fixture = await createBillingFixture('2026-03-01T00:00:00Z')
  await insertMetric(fixture, { code: 'requests', aggregation: 'count', eventCode: 'tokens', dimensionKeys: ['model'] })
  await insertMetric(fixture, { code: 'largest', aggregation: 'max', eventCode: 'tokens', fieldName: 'tokens' })
  await insertMetric(fixture, { code: 'level', aggregation: 'weighted_sum', eventCode: 'tokens', fieldName: 'tokens' })
  await insertMetric(fixture, { code: 'last', aggregation: 'latest', eventCode: 'tokens', fieldName: 'tokens' })
  await insertMetric(fixture, { code: 'items', aggregation: 'unique_count', eventCode: 'tokens', fieldName: 'tokens' })
  await insertMetric(fixture, { code: 'size', aggregation: 'sum', eventCode: 'tokens', fieldName: 'size' })
  await fixture.plan({ code: 'pro', amountMinor: 1000n }, [{ chargeModel: 'standard', properties: { amount: '0.5' } }])
  for (const name of ['acme', 'umbrella']) {
    await fixture.customer(name)
    await fixture.subscribe({ externalCustomerId: name, planCode: 'pro', externalId: `${name}-pro` })
    await send(name, 300)
  }
  await priceTouched(fixture)
  await fixture.advanceTo('2026-03-20T00:00:00Z')
})
afterAll(() => fixture.close())
beforeEach(() => expectVerified(fixture.url))

async function send(externalCustomerId: string, count: number): Promise<void> {
  const received = Array.from({ length: count }, (_, index) => ({
    receivedAt: '2026-03-02T00:00:00Z',
    event: usageEvent({
      externalCustomerId,
      code: 'tokens',
      timestampMicros: START + index * 17 * MINUTE,
      // One in ten lacks what the metric `size` reads.
      properties: { tokens: (index * 7919) % 101, model: `m${index % 3}`, ...(index % 10 === 0 ? {} : { size: 0.25 }) },
    }),
  }))
  await aggregateEvents(fixture.pool, fixture.organizationId, received)
}

const verify = (...words: string[]) => runTabkeeper(['verify', '--json', ...words], { DATABASE_URL: fixture.url })
const rebuild = (...words: string[]) => runTabkeeper(['rebuild', '--json', ...words], { DATABASE_URL: fixture.url })

// As the owner, who may do what no role of the service may.
async function damage(statement: string): Promise<void> {
  const { rowCount } = await fixture.pool.query(statement)
  expect(rowCount, statement).toBeGreaterThan(0)
}

describe('a damaged rollup is named, and rebuilt from the raw events', () => {
  const OF_ACME = `customer_id = (select customer_id from customers where external_id = 'acme')`
  const seriesOf = (code: string) =>
    `series_id in (select series_id from usage_series where ${OF_ACME}
       and billable_metric_id = (select id from billable_metrics where code = '${code}'))`

  test.each([
    ['a sum', 'tokens', 'value_sum', `update usage_rollups set value_sum = value_sum + 0.5 where level = 0`],
    ['a count', 'requests', 'events_count', `update usage_rollups set events_count = events_count + 1 where level = 1`],
    ['a maximum', 'largest', 'value_max', `update usage_rollups set value_max = 1000 where level = 0`],
    ['a time sum', 'level', 'value_time_sum', `update usage_rollups set value_time_sum = null where level = 1`],
    [
      'a latest value',
      'last',
      'latest_arrival',
      `update usage_rollups set latest_arrival = latest_arrival + 1 where level = 1`,
    ],
    [
      'a count of distinct values',
      'items',
      'distinct_values',
      `update usage_rollups set distinct_values = distinct_values + 1 where level = 0`,
    ],
    [
      'a count of present values',
      'items',
      'distinct_present',
      `update usage_rollups set distinct_present = null where level = 1`,
    ],
    ['a missing row', 'size', 'events_count', `delete from usage_rollups where level = 0`],
  ])('%s', async (_name, metric, column, statement) => {
    await damage(`${statement} and ${OF_ACME} and ${seriesOf(metric)}`)
    const found = await verify()
    expect(found.exitCode).toBe(1)
    expect(found.json.listed[0]).toMatchObject({ check: 'rollups', about: { customer: 'acme', metric, column } })
    expect(found.output).toContain(`customer acme, metric ${metric}`)
    expect((await verify('--customer', 'umbrella')).exitCode).toBe(0)
    expect((await verify('--metric', metric)).exitCode).toBe(1)
    expect((await rebuild('--metric', metric)).exitCode).toBe(0)
    await priceTouched(fixture)
  })

  test('rows that no event accounts for', async () => {
    await damage(`insert into usage_rollups (customer_id, series_id, level, bucket, organization_id, events_count, value_sum)
      select customer_id, series_id, level, bucket + 1000, organization_id, 1, 1 from usage_rollups where ${seriesOf('last')}`)
    const found = await verify()
    expect(found.json.differences).toBeGreaterThan(0)
    expect(found.json.listed[0]).toMatchObject({ stored: '1', computed: null })
    expect((await rebuild('--customer', 'acme')).json.days).toBeGreaterThan(0)
    expect(await findUsedFaults()).toEqual([])
    await priceTouched(fixture)
  })

  test('all of them gone, series included', async () => {
    await damage('delete from usage_rollups')
    await damage('delete from usage_series')
    expect((await verify()).exitCode).toBe(1)
    expect((await rebuild()).json).toMatchObject({ customers: 2 })
    expect(await findUsedFaults()).toEqual([])
    await priceTouched(fixture)
  })
})

describe('a damaged distinct value is named, and looked for again in the raw events', () => {
  const VALUE = `(customer_id, value_hash) = (
    select customer_id, value_hash from usage_distinct_values join customers using (customer_id)
    where external_id = 'acme' order by last_at desc limit 1)`
  const A_WEEK_LATER = `last_at = last_at + interval '7 d'`

  test.each([
    [
      'seen last before its last event',
      'last_at',
      `update usage_distinct_values set last_at = last_at - interval '1 s'`,
    ],
    ['seen last after its last event', 'last_at', `update usage_distinct_values set ${A_WEEK_LATER}`],
    ['with another arrival', 'last_at', `update usage_distinct_values set last_arrival = last_arrival + 1`],
    ['taken away', 'is_present', `update usage_distinct_values set is_present = not is_present`],
    ['missing', 'last_at', `delete from usage_distinct_values`],
    ['of another hash', 'last_at', `update usage_distinct_values set value_hash = gen_random_uuid()`],
  ])('%s', async (_name, column, statement) => {
    const before = await storedValues()
    await damage(`${statement} where ${VALUE}`)
    const found = await verify()
    expect(found.exitCode).toBe(1)
    const [value] = found.json.listed.filter(({ check }: { check: string }) => check === 'distinct_values')
    expect(value).toMatchObject({ about: { customer: 'acme', metric: 'items', column } })
    expect((await verify('--customer', 'umbrella')).exitCode).toBe(0)
    expect((await rebuild('--metric', 'items')).exitCode).toBe(0)
    expect(await storedValues()).toEqual(before)
    await priceTouched(fixture)
  })

  test('with its count, which then agree', async () => {
    const before = await storedValues()
    await damage(`delete from usage_distinct_values where ${VALUE}`)
    const counts = (await verify()).json.listed.filter(({ check }: { check: string }) => check === 'rollups')
    for (const { about, computed } of counts) {
      const { bucket, column } = about
      const ofBucket = bucket.includes('T') ? ['0', '900'] : ['1', '86400']
      await damage(`update usage_rollups set ${column} = ${computed}
        where level = ${ofBucket[0]} and bucket = floor(extract(epoch from '${bucket}'::timestamptz) / ${ofBucket[1]})
          and distinct_values is not null and customer_id = (select customer_id from customers where external_id = 'acme')`)
    }
    expect((await verify()).json).toMatchObject({
      differences: 1,
      listed: [{ check: 'distinct_values', stored: null }],
    })
    await rebuild()
    expect(await storedValues()).toEqual(before)
    await priceTouched(fixture)
  })

  test('all of them gone', async () => {
    const before = await storedValues()
    await damage('delete from usage_distinct_values')
    expect((await verify()).exitCode).toBe(1)
    expect((await rebuild()).json).toMatchObject({ distinct_values: before.length })
    expect(await storedValues()).toEqual(before)
    await priceTouched(fixture)
  })

  test('that is not known may be missing or seen earlier, but not with an event that is not there', async () => {
    const before = await storedValues()
    await damage(`update usage_series set distinct_exact = false where distinct_exact and billable_metric_id = (
      select id from billable_metrics where code = 'items')`)
    expect((await verify()).exitCode).toBe(0)
    await damage(`update usage_distinct_values set last_at = last_at + interval '1 s' where ${VALUE}`)
    const found = await verify()
    expect(found.json).toMatchObject({ differences: 1 })
    expect(found.json.listed[0]).toMatchObject({
      check: 'distinct_values',
      about: { column: 'last_at' },
      computed: null,
    })
    await rebuild()
    expect(await storedValues()).toEqual(before)
    await priceTouched(fixture)
  })

  test('of a series that is not there, which is removed', async () => {
    const stranger = `(select customer_id, 999999999, gen_random_uuid(), organization_id, now(), 1, true from customers limit 1)`
    await damage(`insert into usage_distinct_values ${stranger}`)
    expect((await verify()).json).toMatchObject({
      differences: 1,
      listed: [{ check: 'distinct_values', stored: '1 rows' }],
    })
    expect((await rebuild()).json).toMatchObject({ distinct_values: 1 })
    await priceTouched(fixture)
  })
})

/** With what says that they are all that there are. */
async function storedValues(): Promise<unknown[]> {
  const { rows } = await fixture.pool.query(
    `select customer_id, value_hash, last_at::text, last_arrival, is_present, distinct_exact
     from usage_distinct_values join usage_series using (customer_id, series_id) order by 1, 2`,
  )
  return rows
}

// What the reference cannot know: which events a metric could not use.
async function findUsedFaults(): Promise<string[]> {
  return (await findRollupFaults(fixture.pool)).filter((line) => !line.includes(' size '))
}

test('an event that its metric has not counted is expected in no rollup, even once it could be', async () => {
  await damage(`update billable_metrics set field_name = 'tokens' where code = 'size'`)
  const found = await verify('--metric', 'size')
  // Events that were counted by the field of before are no longer right; those set aside are not missing.
  expect(found.json.listed.every(({ about }: { about: { column: string } }) => about.column === 'value_sum')).toBe(true)
  await damage(`update billable_metrics set field_name = 'size' where code = 'size'`)
})

test('an identity without its event, an event without its identity, and one of another time are named', async () => {
  const stranger = '00000000-0000-0000-0000-000000000001'
  await damage(`update event_keys set event_key = '${stranger}'
    where event_key = (select min(event_key::text)::uuid from event_keys)`)
  const found = await verify()
  expect(found.exitCode).toBe(1)
  expect(
    found.json.listed.map(({ check, stored, computed }: Record<string, string>) => [check, stored, computed]),
  ).toEqual([
    ['event_keys', expect.stringMatching(/^1 claims at 2026-03-/), '0 events'],
    ['event_keys', '0 claims', expect.stringMatching(/^1 events at 2026-03-/)],
  ])
  await damage(`update event_keys set event_key = (
      select event_key from usage_events event where not exists (
        select from event_keys key where key.customer_id = event.customer_id and key.event_key = event.event_key))
    where event_key = '${stranger}'`)
  await damage(`update event_keys set "timestamp" = "timestamp" + interval '1 s'`)
  expect((await verify()).json).toMatchObject({ differences: 600 })
  await damage(`update event_keys set "timestamp" = "timestamp" - interval '1 s'`)
})

describe('an event that is not what was claimed is named,', () => {
  const ONE_KEY = `event_key = (select min(event_key::text)::uuid from event_keys)`

  test.each([
    ['with another transaction id', 'usage_events', `transaction_id = transaction_id || '-2'`, 'key'],
    ['with another source', 'usage_events', `source = source || 'elsewhere'`, 'key'],
    [
      'with a property that no metric reads',
      'usage_events',
      `properties = properties || '{"note": "later"}'`,
      'content',
    ],
    ['with another hash', 'event_keys', 'content_hash = content_hash + 1', 'content'],
  ])('%s', async (_name, table, change, what) => {
    await damage(`create table kept as select * from ${table} where ${ONE_KEY}`)
    await damage(`update ${table} set ${change} where ${ONE_KEY}`)
    const found = await verify()
    expect(found.json).toMatchObject({
      differences: 1,
      listed: [
        {
          check: 'event_keys',
          stored: expect.stringMatching(new RegExp(`^${what} `)),
          computed: expect.stringMatching(new RegExp(`^${what} `)),
        },
      ],
    })
    await damage(`delete from ${table} where ${ONE_KEY}`)
    await damage(`insert into ${table} select * from kept`)
    await fixture.pool.query('drop table kept')
  })

  test('unless it was timed by the server, or had numbers that are stored in other digits', async () => {
    const about = { externalCustomerId: 'umbrella', code: 'unread', timestampMicros: START }
    const events = ['1e3', '-0', '0.0000001', '1.50', '12345678901234567890'].map((text, place) =>
      usageEvent({
        ...about,
        timedByServer: place === 0,
        properties: parseExactJson(`{"a": ${text}}`) as Record<string, unknown>,
      }),
    )
    await aggregateEvents(
      fixture.pool,
      fixture.organizationId,
      events.map((event) => ({ event, receivedAt: '2026-03-02T00:00:00Z' })),
    )
    await expectVerified(fixture.url)
    await priceTouched(fixture)
  })
})

test('a database that agrees with itself is said to be equal', async () => {
  expect(await verify()).toMatchObject({
    exitCode: 0,
    json: { command: 'verify', equal: true, differences: 0, organizations: 1 },
  })
})

test('a running charge that is not what rating gives is named, and priced anew after a rebuild', async () => {
  await damage(`update running_charges set amount = amount + 1 where events_count > 0`)
  const found = await verify()
  expect(found.json.listed.map(({ check }: { check: string }) => check)).toEqual(['running_charges', 'running_charges'])
  await rebuild()
  await priceTouched(fixture)
})

describe('running charges', () => {
  const OF_ACME = `customer_id = (select customer_id from customers where external_id = 'acme')`
  const OF_HOOLI = `customer_id = (select customer_id from customers where external_id = 'hooli')`

  beforeAll(async () => {
    await fixture.customer('hooli')
    for (const externalId of ['hooli-one', 'hooli-two']) {
      await fixture.subscribe({ externalCustomerId: 'hooli', planCode: 'pro', externalId })
    }
    await fixture.use('hooli', 3, '2026-03-20T00:00:00Z')
    await priceTouched(fixture)
  })
  beforeEach(async () => {
    await fixture.pool.query('create table kept as select * from running_charges')
    await fixture.pool.query('create table kept_clocks as select * from test_clocks')
  })
  afterEach(async () => {
    await fixture.pool.query('delete from running_charges; delete from test_clocks')
    await fixture.pool.query('insert into running_charges select * from kept')
    await fixture.pool.query('insert into test_clocks select * from kept_clocks')
    await fixture.pool.query('drop table kept; drop table kept_clocks')
  })

  const PERIOD_BEFORE = `period_start = period_start - interval '1 month', period_end = period_start`
  const LONG_AGO = `update subscriptions set updated_at = updated_at - interval '1 hour' where`

  async function listed(): Promise<unknown[]> {
    const { json } = await verify()
    return json.listed.map(({ check, about, stored }: { check: string; about: object; stored: string | null }) => [
      check,
      ...Object.values(about),
      stored === null,
    ])
  }

  test.each([
    ['that begins a moment later', `period_start = period_start + interval '1 s'`],
    ['that is over', PERIOD_BEFORE],
  ])('of which one has a period %s are named', async (_name, change) => {
    await damage(`update running_charges set ${change} where ${OF_ACME} and events_count > 0`)
    expect(await listed()).toEqual([['running_charges', 'acme-pro', 'Tokens', false]])
  })

  test('that are all of a period that was billed meanwhile wait to be priced', async () => {
    await damage(`update running_charges set ${PERIOD_BEFORE}, amount = amount + 1 where ${OF_ACME}`)
    expect(await listed()).toEqual([])
  })

  test('of one subscription that are gone while those of another are there are named', async () => {
    await damage(`${LONG_AGO} ${OF_HOOLI}`)
    await damage(`delete from running_charges where ${OF_HOOLI} and subscription_id = (
      select id from subscriptions where external_id = 'hooli-two')`)
    expect(await listed()).toContainEqual(['running_charges', 'hooli-two', 'Tokens', true])
  })

  test('that are all gone are named where usage has come in real time', async () => {
    await damage(`${LONG_AGO} ${OF_HOOLI}`)
    await damage(`update usage_events set received_at = now() where ${OF_HOOLI}`)
    await damage(`delete from running_charges where ${OF_HOOLI}`)
    expect(await listed()).toEqual([])
    await damage('delete from test_clocks')
    const named = await listed()
    expect(named).toContainEqual(['running_charges', 'hooli-one', 'Tokens', true])
    expect(named).toContainEqual(['running_charges', 'hooli-two', 'Tokens', true])
  })

  test('that claim to be older than the last change of their subscription are named where time is real', async () => {
    await damage(`${LONG_AGO} ${OF_ACME}`)
    await damage(`update running_charges set amount = amount + 1, written_at = '2026-03-01T00:00:00Z',
      priced_at = now() where ${OF_ACME}`)
    expect(await listed()).toEqual([])
    await damage('delete from test_clocks')
    expect(await listed()).toContainEqual(['running_charges', 'acme-pro', 'Tokens', false])
  })
})

describe('money that is not what it is made of is named', () => {
  let owner: Pool

  beforeAll(async () => {
    await fixture.plan({ code: 'volume', lateUsage: 'note' }, [
      {
        chargeModel: 'volume',
        properties: {
          volume_ranges: [
            { from_value: 0, to_value: 100, per_unit_amount: '1', flat_amount: '0' },
            { from_value: 100, to_value: null, per_unit_amount: '0.1', flat_amount: '0' },
          ],
        },
      },
    ])
    await fixture.customer('initech')
    await fixture.subscribe({ externalCustomerId: 'initech', planCode: 'volume', externalId: 'initech-volume' })
    await fixture.use('initech', 90, '2026-03-21T00:00:00Z')
    await fixture.advanceTo('2026-04-03T00:00:00Z')
    // All of March is cheaper now, so what was billed too much is given back.
    await fixture.use('initech', 20, '2026-03-22T00:00:00Z')
    await priceTouched(fixture)
    await fixture.advanceTo('2026-04-04T00:00:00Z')
    await fixture.pool.query(`insert into agents (organization_id, external_id) values ($1, 'agent')`, [
      fixture.organizationId,
    ])
    await fixture.pool.query(
      `insert into transactions (organization_id, reference_id, type, amount, currency, customer_id, status)
       select $1, 'top-' || customer_id, 'topup', 12.345, 'USD', customer_id, 'pending' from customers`,
      [fixture.organizationId],
    )
    const { rows } = await fixture.pool.query<{ id: string }>('select id from transactions')
    const ids = rows.map(({ id }) => id)
    await fixture.within((transaction) => postPending(transaction, fixture.organizationId, ids))
    await fixture.pool.query(
      `insert into ledger_accounts (organization_id, agent_id, kind, currency)
       select $1, agent_id, 'agent_payable', 'USD' from agents`,
      [fixture.organizationId],
    )
    // Triggers keep even the owner from it otherwise.
    owner = new Pool({ connectionString: fixture.url, options: OWNER_WITHOUT_TRIGGERS })
  })
  afterAll(() => owner.end())

  const ONE_POSTING = `(select id from ledger_postings where reference_kind = 'transaction' limit 1)`
  // With a fee in its first line and usage in the second.
  const ONE_INVOICE = `(select id from invoices where status = 'finalized'
    and customer_id = (select customer_id from customers where external_id = 'acme'))`

  test.each([
    ['a balance', ['ledger_balances'], 'ledger_balances', 'balance_minor', 'true'],
    [
      'the amount of a transaction',
      ['ledger_balances', 'ledger_postings'],
      'ledger_postings',
      'amount_minor',
      `id = ${ONE_POSTING}`,
    ],
    [
      'what an invoice is posted with',
      ['ledger_postings'],
      'ledger_postings',
      'amount_minor',
      `reference_id = ${ONE_INVOICE}::text`,
    ],
    [
      'the sum of lines',
      ['invoice_totals', 'invoice_lines'],
      'invoice_lines',
      'amount_minor',
      `invoice_id = ${ONE_INVOICE} and position = 0`,
    ],
    ['the last number', ['invoice_numbers'], 'issuers', 'last_invoice_number', 'true'],
    [
      'what a credit note is posted with',
      ['ledger_postings'],
      'ledger_postings',
      'amount_minor',
      `reference_kind = 'credit_note'`,
    ],
    [
      'the sum of lines of a credit note',
      ['credit_note_totals', 'credit_note_lines', 'billed_usage'],
      'credit_note_lines',
      'amount_minor',
      'position = 0',
    ],
    ['the last number of credit notes', ['credit_note_numbers'], 'issuers', 'last_credit_note_number', 'true'],
  ])('%s', async (_name, checks, table, column, where) => {
    const change = async (by: number) => {
      const { rowCount } = await owner.query(`update ${table} set ${column} = ${column} + ${by} where ${where}`)
      expect(rowCount).toBeGreaterThan(0)
    }
    await change(1)
    const found = await verify()
    expect(found.exitCode).toBe(1)
    const named = new Set(found.json.listed.map(({ check }: { check: string }) => check))
    expect(named).toEqual(new Set(checks))
    await change(-1)
  })

  test.each([
    [
      'minor units that went from one line to another',
      'invoice_lines',
      `update invoice_lines set amount_minor = amount_minor + case position when 0 then 5 when 1 then -5 end
       where position < 2 and invoice_id = (select invoice_id from invoice_lines where position = 1 order by 1 limit 1)`,
    ],
    [
      'what was billed of usage',
      'billed_usage',
      `update invoice_lines set amount = amount + 1, amount_minor = amount_minor + 100
       where kind = 'usage' and invoice_id = ${ONE_INVOICE}`,
    ],
    [
      'usage that the plan does not charge',
      'billed_usage',
      `update invoice_lines set price_component_id = (select id from price_components where kind = 'rate' limit 1)
       where kind = 'usage' and invoice_id = ${ONE_INVOICE}`,
    ],
    [
      'an exact amount',
      'invoice_lines',
      `update invoice_lines set amount = amount + 1 where invoice_id = ${ONE_INVOICE}`,
    ],
    ['whose line it is', 'invoice_lines', `update invoice_lines set customer_id = 0 where invoice_id = ${ONE_INVOICE}`],
    ['whose invoice it is', 'invoice_subscriptions', `update invoices set customer_id = 0 where id = ${ONE_INVOICE}`],
    [
      'the currency of an invoice',
      'invoice_subscriptions',
      `update invoices set currency = 'EUR' where id = ${ONE_INVOICE}`,
    ],
    ['the currency of a credit note', 'credit_note_subscriptions', `update credit_notes set currency = 'EUR'`],
    ['an exact amount of a credit note', 'credit_note_lines', 'update credit_note_lines set amount = amount - 1'],
  ])('%s', async (_name, check, statement) => {
    const table = statement.split(' ')[1]
    await owner.query(`create table kept as select * from ${table}`)
    expect((await owner.query(statement)).rowCount).toBeGreaterThan(0)
    expect((await verify()).json.listed).toContainEqual(expect.objectContaining({ check }))
    await owner.query(`delete from ${table}`)
    await owner.query(`insert into ${table} select * from kept`)
    await owner.query('drop table kept')
  })

  test('late usage whose mark is lost', async () => {
    await fixture.use('initech', 4, '2026-03-23T00:00:00Z')
    await expectVerified(fixture.url)
    await priceTouched(fixture)
    await expectVerified(fixture.url)
    await damage('create table kept as select * from reopened_periods')
    await damage('delete from reopened_periods')
    expect((await verify()).json.listed).toEqual([
      {
        check: 'billed_usage',
        about: { invoice: expect.stringMatching(/^INV-/), line: expect.stringContaining('Tokens') },
        stored: null,
        computed: '4 units of 1 events for 40 minor units of USD more',
      },
    ])
    await damage('insert into reopened_periods select * from kept')
    await fixture.pool.query('drop table kept')
  })

  test('a posting between the wrong accounts', async () => {
    const turn = `update ledger_postings set debit_account_id = credit_account_id, credit_account_id = debit_account_id
      where reference_id = ${ONE_INVOICE}::text`
    expect((await owner.query(turn)).rowCount).toBe(1)
    expect((await verify()).json.listed).toEqual([
      expect.objectContaining({
        check: 'ledger_postings',
        stored: expect.stringMatching(/ USD from revenue to receivable of /),
        computed: expect.stringMatching(/ USD from receivable to revenue of /),
      }),
    ])
    await owner.query(turn)
  })

  describe('a posting', () => {
    const ONE = `(select id from ledger_postings where reference_kind`
    const COPY = `insert into ledger_postings (organization_id, customer_id, debit_account_id, credit_account_id, amount_minor,
      currency, posted_at, reference_kind, reference_id, reason)
      select organization_id, customer_id, debit_account_id, credit_account_id, 1`
    const OTHER_ACCOUNT = `(select min(id::text)::uuid from ledger_accounts where kind = 'agent_payable')`

    test.each([
      ['of another currency', `update ledger_postings set currency = 'EUR' where id = ${ONE} = 'invoice' limit 1)`],
      ['of another reason', `update ledger_postings set reason = 'gift' where id = ${ONE} = 'credit_note' limit 1)`],
      ['for another customer', `update ledger_postings set customer_id = 0 where id = ${ONE} = 'invoice' limit 1)`],
      [
        'to the account of another',
        `update ledger_postings set credit_account_id = ${OTHER_ACCOUNT} where id = ${ONE} = 'transaction' limit 1)`,
      ],
      [
        'of a transaction, turned round',
        `update ledger_postings set debit_account_id = credit_account_id, credit_account_id = debit_account_id
         where id = ${ONE} = 'transaction' limit 1)`,
      ],
      [
        'of a transaction in another currency',
        `update ledger_postings set currency = 'EUR' where id = ${ONE} = 'transaction' limit 1)`,
      ],
      [
        'of an invoice that is not there, in another currency',
        `${COPY}, 'EUR', posted_at, 'invoice', gen_random_uuid()::text, reason from ledger_postings
         where id = ${ONE} = 'invoice' limit 1)`,
      ],
      [
        'of a second reason',
        `${COPY}, currency, posted_at, 'invoice', reference_id, 'again' from ledger_postings where id = ${ONE} = 'invoice' limit 1)`,
      ],
      ...['credit_note', 'transaction', 'refund'].map((kind) => [
        `of a ${kind} that is not there`,
        `${COPY}, currency, posted_at, '${kind}', gen_random_uuid()::text, reason from ledger_postings
         where id = ${ONE} = 'invoice' limit 1)`,
      ]),
    ])('%s', async (_name, statement = '') => {
      await owner.query('create table kept as select * from ledger_postings')
      expect((await owner.query(statement)).rowCount).toBe(1)
      const found = (await verify()).json.listed.filter(({ check }: { check: string }) => check === 'ledger_postings')
      expect(found).toHaveLength(1)
      await owner.query('delete from ledger_postings')
      await owner.query('insert into ledger_postings select * from kept')
      await owner.query('drop table kept')
    })
  })

  test('a number that is missing in between', async () => {
    const numbers = 'select number from invoices where number is not null order by number limit 1'
    const { rows } = await owner.query<{ number: string }>(numbers)
    const [first] = rows
    await owner.query(`update invoices set number = 'INV-X' where number = $1`, [first?.number])
    const [difference] = (await verify()).json.listed
    expect(difference).toMatchObject({ check: 'invoice_numbers', about: { issuer: 'default', number: '000001' } })
    await owner.query(`update invoices set number = $1 where number = 'INV-X'`, [first?.number])
  })
})

const OWNER_WITHOUT_TRIGGERS = '-c search_path=tabkeeper -c session_replication_role=replica'

describe('the command', () => {
  const run = (...words: string[]) => runTabkeeper(words, { DATABASE_URL: fixture.url })

  test('tells what it can do', async () => {
    expect(await run('--help')).toMatchObject({ exitCode: 0, output: expect.stringContaining('verify') })
    expect(await run('verify', '--help')).toMatchObject({
      exitCode: 0,
      output: expect.stringContaining('--metric CODE'),
    })
  })

  test.each([
    ['no command', [], ''],
    ['an unknown command', ['verfy'], 'There is no command verfy'],
    ['an unknown option', ['verify', '--fix'], "Unknown option '--fix'"],
    [
      'an organization that is not there',
      ['verify', '--organization', 'nobody'],
      'Nothing matches --organization nobody',
    ],
    ['a metric that is not there', ['rebuild', '--metric', 'nothing'], 'Nothing matches --metric nothing'],
  ])('refuses %s with 2', async (_name, words, message) => {
    expect(await run(...words)).toMatchObject({ exitCode: 2, errors: expect.stringContaining(message) })
    if (words[0] === undefined) return
    const error = expect.stringContaining(message)
    expect(await run(...words, '--json')).toMatchObject({ json: { command: words[0], error, exit_code: 2 } })
  })

  test('runs as a program of its own', async () => {
    const program = join(PROJECT_FOLDER, 'cli/tabkeeper.mjs')
    const environment = { ...process.env, DATABASE_URL: fixture.url }
    const { stdout } = await promisify(execFile)(process.execPath, [program, 'verify', '--json'], { env: environment })
    expect(JSON.parse(stdout.trimEnd().split('\n').at(-1) ?? '')).toMatchObject({ command: 'verify', equal: true })
    const wrong = promisify(execFile)(process.execPath, [program, 'verify', '--no-such-option'], { env: environment })
    await expect(wrong).rejects.toMatchObject({ code: 2 })
  })

  test('ends with 3 when there is no database', async () => {
    const nowhere = { DATABASE_URL: 'postgres://tabkeeper@127.0.0.1:1/tabkeeper' }
    expect(await runTabkeeper(['verify'], nowhere)).toMatchObject({
      exitCode: 3,
      errors: expect.stringContaining('reached'),
    })
    expect(await runTabkeeper(['verify', '--json'], nowhere)).toMatchObject({
      exitCode: 3,
      json: { command: 'verify', error: expect.stringContaining('reached'), exit_code: 3 },
    })
    const folder = { TABKEEPER_DATA_DIR: '/nonexistent' }
    expect(await runTabkeeper(['verify'], folder)).toMatchObject({
      exitCode: 3,
      errors: expect.stringContaining('DATABASE_URL'),
    })
  })
})
