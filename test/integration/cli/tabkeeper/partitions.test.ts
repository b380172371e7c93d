import { randomUUID } from 'node:crypto'
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { listArchiveBlockers } from '../../../../db/archives/archive-blockers.ts'
import { correctEvent } from '../../../../db/corrections/correct-event.ts'
import { requireDimensions } from '../../../../db/usage/metric-dimensions.ts'
import { readUsage } from '../../../../db/usage/read-usage.ts'
import { reportUsage } from '../../../../db/usage/report/report-usage.ts'
import { parseExactJson } from '../../../../shared/json/exact-json.ts'
import type { EventChanges } from '../../../../shared/metering/amend-event.ts'
import { eventKey } from '../../../../shared/metering/event-identity.ts'
import type { UsageEvent } from '../../../../shared/metering/usage-event.ts'
import { aggregateEvents } from '../../../../workers/aggregate-usage/aggregate-events.ts'
import { type BillingFixture, createBillingFixture } from '../../../support/billing.ts'
import { insertMetric } from '../../../support/metering.ts'
import { priceTouched } from '../../../support/pricing.ts'
import { expectVerified, runTabkeeper } from '../../../support/tabkeeper.ts'
import { usageEvent } from '../../../support/usage-event.ts'

const EXACT = parseExactJson('{"exact": 12345678901234567890.1250}') as Record<string, unknown>

let fixture: BillingFixture
let archive: string
let sent: UsageEvent[]

beforeAll(async () => {
  fixture = await createBillingFixture('2026-01-10T00:00:00Z')
  await insertMetric(fixture, { code: 'largest', aggregation: 'max', eventCode: 'tokens', fieldName: 'tokens' })
  await insertMetric(fixture, { code: 'items', aggregation: 'unique_count', eventCode: 'tokens', fieldName: 'tokens' })
  await fixture.plan({ code: 'pro', amountMinor: 1000n }, [{ chargeModel: 'standard', properties: { amount: '0.5' } }])
  for (const name of ['acme', 'umbrella']) {
    await fixture.customer(name)
    await fixture.subscribe({ externalCustomerId: name, planCode: 'pro', externalId: `${name}-pro` })
  }
  sent = ['acme', 'umbrella'].flatMap((externalCustomerId) =>
    Array.from({ length: 250 }, (_, index) =>
      usageEvent({
        externalCustomerId,
        timestampMicros: Date.parse('2026-01-11T00:00:00Z') * 1000 + index * 7_000_000_123,
        // Separators that may stand in JSON but end lines elsewhere, and a number that no double holds.
        properties: { tokens: index % 17, note: `a\u2028b\n${index}`, ...EXACT },
      }),
    ),
  )
  await send(sent)
  await fixture.advanceTo('2026-03-02T00:00:00Z')
  await forgetLateUsage()
})
afterAll(() => fixture.close())
beforeEach(() => {
  archive = mkdtempSync(join(tmpdir(), 'tabkeeper-archive-'))
})
afterEach(() => rmSync(archive, { recursive: true, force: true }))

async function send(events: readonly UsageEvent[]): Promise<void> {
  const received = events.map((event) => ({ event, receivedAt: '2026-01-11T00:00:00Z' }))
  await aggregateEvents(fixture.pool, fixture.organizationId, received)
}

const run = (...words: string[]) => runTabkeeper([...words, '--json'], { DATABASE_URL: fixture.url })
const archiveBefore = (month: string) => run('partitions', 'archive', '--before', month, '--to', archive)
const restore = () => run('partitions', 'restore', '--month', '2026-01', '--from', archive)

async function succeed(running: ReturnType<typeof run>): Promise<void> {
  const { exitCode, errors } = await running
  if (exitCode !== 0) throw new Error(`it ended with ${exitCode}: ${errors}`)
}

async function count(table: string): Promise<number> {
  const { rows } = await fixture.pool.query<{ count: string }>(`select count(*) from ${table}`)
  return Number(rows[0]?.count)
}

const correct = (event: UsageEvent, changes: EventChanges | null = null) =>
  fixture.within((transaction) =>
    correctEvent(transaction, fixture.organizationId, {
      event,
      changes,
      reason: 'wrong',
      apiKeyId: randomUUID(),
      receivedAt: '2026-03-02T00:00:00Z',
    }),
  )

// A month stays while late usage of it is not billed.
async function forgetLateUsage(): Promise<void> {
  await priceTouched(fixture)
  await fixture.pool.query('create table if not exists forgotten as select * from reopened_periods limit 0')
  await fixture.pool.query('insert into forgotten select * from reopened_periods; delete from reopened_periods')
}

async function recallLateUsage(): Promise<void> {
  await priceTouched(fixture)
  await fixture.pool.query('insert into reopened_periods select * from forgotten on conflict do nothing')
  await fixture.pool.query('delete from forgotten')
}

async function content(): Promise<unknown> {
  const { rows } = await fixture.pool.query(
    `select event_key, "timestamp"::text, received_at::text, arrival, code, source, transaction_id,
       external_subscription_id, amount_minor, properties::text from usage_events order by event_key`,
  )
  return rows
}

describe('a month that is archived', () => {
  test('is in verified files, no longer in the database, and can be put back as it was', async () => {
    const before = await content()
    const rollups = await count('usage_rollups')
    const done = await archiveBefore('2026-02')
    expect(done).toMatchObject({ exitCode: 0, json: { archived: [{ month: '2026-01', events: 500 }] } })
    const [{ folder }] = done.json.archived
    expect(readdirSync(join(archive, folder)).sort()).toEqual(['events-00001.ndjson.zst', 'manifest.json'])
    expect(await count('usage_events')).toBe(0)
    expect(await count('usage_rollups')).toBe(rollups)
    expect((await run('partitions', 'list')).json).toMatchObject({
      archived: [{ month: '2026-01', folder, events: 500 }],
    })
    expect(await restore()).toMatchObject({ exitCode: 0, json: { events: 500 } })
    expect(await content()).toEqual(before)
    await expectVerified(fixture.url)
    expect(await restore()).toMatchObject({ exitCode: 2, errors: expect.stringContaining('Nothing of 2026-01') })
  })

  describe('and is away', () => {
    beforeEach(async () => {
      await forgetLateUsage()
      await succeed(archiveBefore('2026-02'))
    })
    afterEach(async () => {
      await succeed(restore())
      await recallLateUsage()
      await expectVerified(fixture.url)
    })

    test('is verified against its files, or said to be left out', async () => {
      expect((await run('verify')).json).toMatchObject({ equal: true, unread: ['2026-01'] })
      expect((await run('verify', '--archive', archive)).json).toMatchObject({ equal: true, unread: [] })
      await fixture.pool.query('update usage_rollups set events_count = events_count + 1 where level = 1')
      expect((await run('verify')).json).toMatchObject({ equal: true })
      expect((await run('verify', '--archive', archive)).exitCode).toBe(1)
      expect(await run('rebuild')).toMatchObject({
        exitCode: 4,
        errors: expect.stringContaining('--archive DIR'),
        json: { command: 'rebuild', error: expect.stringContaining('--archive DIR'), exit_code: 4 },
      })
      expect(await run('rebuild', '--archive', archive)).toMatchObject({ exitCode: 0 })
      expect((await run('verify', '--archive', archive)).json).toMatchObject({ equal: true })
    })

    test('has distinct values that are compared with their counts, and with its files where they are given', async () => {
      const values =
        'select value_hash, last_at::text, is_present from usage_distinct_values order by customer_id, value_hash'
      const before = (await fixture.pool.query(values)).rows
      await fixture.pool.query(`update usage_distinct_values set is_present = false
        where value_hash = (select min(value_hash::text)::uuid from usage_distinct_values)`)
      const checks = async (...words: string[]) => {
        const { listed } = (await run('verify', ...words)).json
        return new Set(
          listed.map(({ check, about }: { check: string; about: Record<string, string> }) =>
            [check, about['column']].join(),
          ),
        )
      }
      expect(await checks()).toEqual(new Set(['rollups,distinct_present']))
      const all = ['rollups,distinct_present', 'distinct_values,is_present']
      expect(await checks('--archive', archive)).toEqual(new Set(all))
      await fixture.pool.query('delete from usage_distinct_values')
      expect(await checks('--archive', archive)).toContain('distinct_values,last_at')
      expect((await run('rebuild', '--archive', archive)).json).toMatchObject({ distinct_values: 34 })
      expect((await fixture.pool.query(values)).rows).toEqual(before)
      expect((await run('verify', '--archive', archive)).json).toMatchObject({ equal: true })
    })

    test('keeps the identities of its events, so that they stay duplicates', async () => {
      await send(sent.slice(0, 20))
      expect(await count('usage_events')).toBe(0)
      expect((await run('verify', '--archive', archive)).exitCode).toBe(0)
    })

    test('misses an identity when one is gone', async () => {
      await fixture.pool.query('create table kept as select * from event_keys limit 1')
      await fixture.pool.query('delete from event_keys where event_key in (select event_key from kept)')
      const [difference] = (await run('verify')).json.listed
      expect(difference).toMatchObject({
        check: 'archives',
        about: { month: '2026-01' },
        computed: '500 archived events',
      })
      await fixture.pool.query('insert into event_keys select * from kept')
      await fixture.pool.query('drop table kept')
    })

    test('misses the identity of each event that has lost it, also once it was sent again', async () => {
      const change = async (from: string, to: string) => {
        const changed = await fixture.pool.query('update event_keys set event_key = $2 where event_key = $1', [
          from,
          to,
        ])
        expect(changed.rowCount).toBe(1)
      }
      const acme = sent.find(({ externalCustomerId }) => externalCustomerId === 'acme')
      if (acme === undefined) throw new Error('nothing was sent')
      const [key, stranger] = [eventKey(acme), randomUUID()]
      const about = { customer: 'acme', event_key: expect.any(String), transaction_id: acme.transactionId }
      const listed = async (...words: string[]) => (await run('verify', '--archive', archive, ...words)).json.listed
      await change(key, stranger)
      const unclaimed = {
        check: 'event_keys',
        about,
        stored: '0 claims',
        computed: expect.stringMatching(/^1 events at /),
      }
      expect(await listed()).toEqual([unclaimed])
      expect(await listed('--customer', 'acme')).toEqual([unclaimed])
      expect(await listed('--customer', 'umbrella')).toEqual([])
      await change(stranger, key)
      await fixture.pool.query('update event_keys set content_hash = content_hash + 1 where event_key = $1', [key])
      const content = {
        ...unclaimed,
        stored: expect.stringMatching(/^content /),
        computed: expect.stringMatching(/^content /),
      }
      expect(await listed()).toEqual([content])
      await fixture.pool.query('update event_keys set content_hash = content_hash - 1 where event_key = $1', [key])
      await change(key, stranger)
      await send([acme])
      const twice = {
        ...unclaimed,
        stored: expect.stringMatching(/^1 claims at /),
        computed: expect.stringMatching(/^2 /),
      }
      expect(await listed()).toEqual([twice])
      await fixture.pool.query('delete from usage_events; delete from touched_customers; delete from reopened_periods')
      await fixture.pool.query('delete from event_keys where event_key = $1', [key])
      await change(stranger, key)
      await run('rebuild', '--archive', archive)
    })

    test('takes late events in a partition of their own, which is archived beside the first', async () => {
      const late = usageEvent({
        timestampMicros: Date.parse('2026-01-20T00:00:00Z') * 1000,
        properties: { tokens: 900 },
      })
      await send([late])
      expect(await count('usage_events')).toBe(1)
      expect((await run('verify', '--archive', archive)).json).toMatchObject({ equal: true })
      await fixture.advanceTo('2026-05-02T00:00:00Z')
      await forgetLateUsage()
      expect((await archiveBefore('2026-02')).json.archived).toMatchObject([{ month: '2026-01', events: 1 }])
      expect((await run('verify', '--archive', archive)).json).toMatchObject({ equal: true })
      expect((await run('partitions', 'list')).json.archived).toHaveLength(2)
    })

    test('is refused by name where its single events are needed, and answered from rollups where not', async () => {
      const metricOf = async (code: string) => {
        const { rows } = await fixture.pool.query('select * from billable_metrics where code = $1', [code])
        const { id, aggregation, generation } = rows[0]
        return {
          id,
          aggregation,
          generation,
          eventCode: 'tokens',
          fieldName: 'tokens',
          expression: null,
          recurring: false,
          rounding: null,
          percentile: null,
          dimensionKeys: [],
        }
      }
      const report = async (code: string) => {
        const metric = await metricOf(code)
        return await fixture.within((transaction) =>
          reportUsage(transaction, fixture.organizationId, {
            metric,
            start: Temporal.Instant.from('2026-01-01T00:00:00Z'),
            end: Temporal.Instant.from('2026-02-01T00:00:00Z'),
            windows: null,
            grouping: { byCustomer: false, bySubscription: false, properties: [] },
            scope: { customerIds: null, externalSubscriptionIds: null, filters: [] },
          }),
        )
      }
      const usageSince = async (start: string) => {
        const metric = { ...(await metricOf('largest')), aggregation: 'max' as const }
        const { rows } = await fixture.pool.query(`select customer_id from customers where external_id = 'acme'`)
        const end = Temporal.Instant.from('2026-01-13T00:00:00Z')
        const question = { customerId: rows[0].customer_id, metric, externalSubscriptionId: null, end }
        return await fixture.within((transaction) =>
          readUsage(transaction, fixture.organizationId, [
            { ...question, start: Temporal.Instant.from(start), source: 'rollups' },
          ]),
        )
      }
      expect((await usageSince('2026-01-11T00:15:00Z')).length).toBe(1)
      // Whether there was anything in the quarter hour before, only single events tell.
      await expect(usageSince('2026-01-11T00:10:00Z')).rejects.toMatchObject({ code: 'usage_archived' })
      expect((await report('largest')).length).toBe(1)
      await expect(report('items')).rejects.toMatchObject({
        code: 'usage_archived',
        message: expect.stringContaining('2026-01'),
      })
    })

    test('has events that can be neither corrected nor looked up, and says so', async () => {
      const [event] = sent
      if (event === undefined) throw new Error('nothing was sent')
      await expect(correct(event)).rejects.toMatchObject({ code: 'usage_archived' })
    })

    test('lets a late event be voided unless it may have been an extreme of a quarter hour that has archived ones', async () => {
      // One that is archived is 8 minutes later, with 16 tokens.
      const late = (tokens: number) =>
        usageEvent({ timestampMicros: Date.parse('2026-01-15T01:05:00Z') * 1000, properties: { tokens } })
      const [usual, largest] = [late(1), late(1000)]
      await send([usual, largest])
      await expect(correct(largest)).rejects.toMatchObject({ code: 'usage_archived' })
      expect((await correct(usual)).replacement).toBeNull()
      expect((await run('verify', '--archive', archive)).json).toMatchObject({ equal: true })
      await forgetLateUsage()
    })

    test('keeps metrics from being counted anew, which would lose its rollups', async () => {
      const { rows } = await fixture.pool.query<{ id: string }>(`select id from billable_metrics where code = 'tokens'`)
      const wanted = new Map([[rows[0]?.id ?? '', new Set(['model'])]])
      const changing = fixture.within((transaction) => requireDimensions(transaction, fixture.organizationId, wanted))
      await expect(changing).rejects.toMatchObject({
        code: 'usage_archived',
        message: expect.stringContaining('2026-01'),
      })
    })

    test('is not accepted from files that are not what was written', async () => {
      const [folder = ''] = readdirSync(archive)
      const file = join(archive, folder, 'events-00001.ndjson.zst')
      const written = readFileSync(file)
      writeFileSync(
        file,
        written.map((byte, place) => (place === written.length - 1 ? byte ^ 255 : byte)),
      )
      for (const command of ['verify', 'rebuild']) {
        expect(await run(command, '--archive', archive)).toMatchObject({
          exitCode: 4,
          errors: expect.stringContaining('events-00001'),
        })
      }
      expect(await restore()).toMatchObject({ exitCode: 4 })
      expect(await count('usage_events')).toBe(0)
      writeFileSync(file, written)
      const manifest = join(archive, folder, 'manifest.json')
      const text = readFileSync(manifest, 'utf8')
      writeFileSync(manifest, text.replace('"month"', '"mouth"'))
      expect(await restore()).toMatchObject({ exitCode: 4, errors: expect.stringContaining('manifest') })
      writeFileSync(manifest, text)
    })
  })
})

test('an event of which any version is archived is neither taken for voided nor corrected again', async () => {
  const times = ['2026-02-10T00:00:00Z', '2026-01-12T00:00:00Z'].map((time) => Date.parse(time) * 1000) as [
    number,
    number,
  ]
  const [into, outOf] = times.map((timestampMicros) => usageEvent({ timestampMicros })) as [UsageEvent, UsageEvent]
  await send([into, outOf])
  const amendments = [
    [into, { timestampMicros: times[1] }],
    [outOf, { timestampMicros: times[0] }],
  ] as const
  for (const [event, changes] of amendments) await correct(event, changes)
  await forgetLateUsage()
  await succeed(archiveBefore('2026-02'))
  for (const [event, changes] of amendments) {
    for (const wanted of [changes, { properties: {} }, null]) {
      await expect(correct(event, wanted)).rejects.toMatchObject({ code: 'usage_archived' })
    }
  }
  await succeed(restore())
  for (const [event, changes] of amendments) expect((await correct(event, changes)).corrected.revision).toBe(1)
  await recallLateUsage()
  await expectVerified(fixture.url)
})

describe('a month stays, and it is said why,', () => {
  test('while it is not over, which keeps no other', async () => {
    await send([usageEvent({ timestampMicros: Date.parse('2026-05-01T12:00:00Z') * 1000 })])
    await forgetLateUsage()
    const reason = expect.stringContaining('has a period that runs')
    expect(await archiveBefore('2100-01')).toMatchObject({
      exitCode: 4,
      errors: reason,
      json: {
        archived: expect.arrayContaining([expect.objectContaining({ month: '2026-01' })]),
        kept: [{ month: '2026-05', reasons: expect.arrayContaining([reason]) }],
      },
    })
    expect(await count('usage_events')).toBe(1)
    await succeed(restore())
  })

  test('while usage of it has changed that nobody has looked at', async () => {
    await send([usageEvent({ timestampMicros: Date.parse('2026-01-20T00:00:00Z') * 1000, properties: { tokens: 0 } })])
    const reason = expect.stringContaining('usage of customer acme has changed')
    expect(await archiveBefore('2026-02')).toMatchObject({ exitCode: 4, errors: reason })
    await forgetLateUsage()
    expect(await listArchiveBlockers(fixture.pool, '2026-01')).toEqual([])
  })

  test('while one of its events is not processed', async () => {
    await send([
      usageEvent({ timestampMicros: Date.parse('2026-01-20T00:00:00Z') * 1000, properties: { tokens: 'many' } }),
    ])
    expect(await archiveBefore('2026-02')).toMatchObject({
      exitCode: 4,
      errors: expect.stringContaining('value_not_a_number'),
    })
    // What nobody pays for is in the rollups, and would keep its month for ever.
    await fixture.pool.query(`update unprocessed_events set reason = 'subscription_not_running'`)
    expect(await listArchiveBlockers(fixture.pool, '2026-01')).not.toContainEqual(
      expect.stringContaining('not processed'),
    )
    await fixture.pool.query('delete from unprocessed_events')
    await forgetLateUsage()
  })

  test('while one of its events lacks its identity', async () => {
    const shift = (by: string) =>
      fixture.pool.query(
        `update event_keys set "timestamp" = "timestamp" + $1::interval
        where event_key = (select min(event_key::text)::uuid from event_keys)`,
        [by],
      )
    await shift('1 s')
    expect(await archiveBefore('2026-02')).toMatchObject({
      exitCode: 4,
      errors: expect.stringContaining('1 of its events have no claim'),
    })
    await shift('-1 s')
  })

  test('while late usage of it is not billed', async () => {
    await fixture.pool.query(
      `insert into reopened_periods (customer_id, invoice_id, organization_id, subscription_id, reopened_at)
       select customer_id, id, organization_id, subscription_id, now() from invoices where period_start < '2026-02-01' limit 1`,
    )
    expect(await archiveBefore('2026-02')).toMatchObject({ exitCode: 4, errors: expect.stringContaining('late usage') })
    await fixture.pool.query('delete from reopened_periods')
  })
})

test('partitions are made ahead, once', async () => {
  expect(await run('partitions', 'create', '--months', '3')).toMatchObject({ exitCode: 0 })
  const { json } = await run('partitions', 'list')
  const months = json.partitions.map(({ month }: { month: string }) => month)
  expect(months).toContain(Temporal.Now.plainDateISO('UTC').toPlainYearMonth().add({ months: 3 }).toString())
  expect(await run('partitions', 'create', '--months', '3')).toMatchObject({ exitCode: 0 })
  expect((await run('partitions', 'list')).json.partitions).toHaveLength(months.length)
})

test.each([
  [['partitions'], 'takes one of'],
  [['partitions', 'archive', '--before', '2026-02'], 'needs --to'],
  [['partitions', 'archive', '--before', 'soon', '--to', 'somewhere'], '--before is "soon"'],
  [['partitions', 'create', '--months', '0'], '--months is "0"'],
  [['partitions', 'list', '--to', 'somewhere'], 'does not take --to'],
])('%j is refused with 2', async (words, message) => {
  expect(await run(...words)).toMatchObject({ exitCode: 2, errors: expect.stringContaining(message) })
})
