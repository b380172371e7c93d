import { readFileSync } from 'node:fs'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { parseExactJson } from '../../../shared/json/exact-json.ts'
import { decimal } from '../../../shared/money/decimal.ts'
import type { ApiClient } from '../../support/api.ts'
import { startUsageApi, type UsageApi } from '../../support/usage-api.ts'

interface Meter {
  readonly eventType: string
  readonly aggregation: string
  readonly valueProperty?: string
  readonly groupBy?: Readonly<Record<string, string>>
}

interface Query {
  readonly from?: string
  readonly to?: string
  readonly windowSize?: string
  readonly windowTimeZone?: string
  readonly subject?: readonly string[]
  readonly groupBy?: readonly string[]
  readonly filterGroupBy?: Readonly<Record<string, readonly string[]>>
}

interface Row {
  readonly value: string
  readonly windowStart: string
  readonly windowEnd: string
  readonly subject: string | null
  readonly groupBy: Readonly<Record<string, string | null>>
}

interface Case {
  readonly id: string
  readonly kind: 'query' | 'query_error' | 'parse' | 'ingest_http'
  readonly meter: Meter
  readonly events: readonly {
    readonly id: string
    readonly source: string
    readonly type: string
    readonly subject: string
    readonly time: string
    readonly data?: unknown
  }[]
  readonly query: Query
  readonly expected: readonly Row[]
}

const { vectors } = parseExactJson(
  readFileSync(new URL('../../cases/openmeter-metering.json', import.meta.url), 'utf8'),
) as { vectors: Case[] }

/** Cases that are answered otherwise on purpose, each with its reason. */
const DIFFERENT: Readonly<Record<string, string>> = {
  'om-eventfrom': 'A metric counts all events of its code, those from before it included; it has no first time.',
  'fx-max-bucketed': 'A metric has no buckets: windows in which each has a price of its own belong to the charge.',
}

let usage: UsageApi

beforeAll(async () => {
  usage = await startUsageApi()
})
afterAll(() => usage.stop())

async function organizationOf({ meter, events }: Case): Promise<ApiClient> {
  const client = await usage.api.client()
  const created = await client.post('/billable_metrics', {
    code: 'meter',
    name: 'Meter',
    event_code: meter.eventType,
    aggregation: meter.aggregation.toLowerCase(),
    ...(meter.valueProperty === undefined ? {} : { field_name: meter.valueProperty }),
  })
  expect(created.status).toBe(201)
  const sent = events.map(({ id, source, type, subject, time, data }) => ({
    transaction_id: id,
    source,
    code: type,
    external_customer_id: subject,
    timestamp: time,
    properties: data ?? null,
  }))
  if (sent.length > 0) await usage.send(client, sent)
  return client
}

function pathOf({ meter, query }: Case): string {
  const parameters = new URLSearchParams({ billable_metric_code: 'meter' })
  const propertyOf = (key: string) => meter.groupBy?.[key] ?? key
  if (query.from !== undefined) parameters.set('from', query.from)
  if (query.to !== undefined) parameters.set('to', query.to)
  if (query.windowSize !== undefined) parameters.set('window', query.windowSize.toLowerCase())
  if (query.windowTimeZone !== undefined) parameters.set('time_zone', query.windowTimeZone)
  for (const subject of query.subject ?? []) parameters.append('external_customer_id', subject)
  for (const key of query.groupBy ?? []) {
    parameters.append('group_by', key === 'subject' ? 'external_customer_id' : propertyOf(key))
  }
  for (const [key, values] of Object.entries(query.filterGroupBy ?? {})) {
    for (const value of values) parameters.append(`filter[${propertyOf(key)}]`, value)
  }
  return `/usage?${parameters.toString()}`
}

async function rowsOf(one: Case): Promise<Row[]> {
  const client = await organizationOf(one)
  const { status, body } = await client.get(pathOf(one))
  expect(status).toBe(200)
  return body.data.map((row: Record<string, unknown>) => ({
    value: row['units'],
    windowStart: row['window_start'],
    windowEnd: row['window_end'],
    subject: row['external_customer_id'],
    groupBy: Object.fromEntries(
      (one.query.groupBy ?? [])
        .filter((key) => key !== 'subject')
        .map((key) => [key, (row['groups'] as Record<string, string>)[one.meter.groupBy?.[key] ?? key]]),
    ),
  }))
}

// Rows of one window come in no order.
function inOrder(rows: readonly Row[]): Row[] {
  return rows
    .map((row) => ({
      ...row,
      value: decimal(row.value).toFixed(),
      windowStart: plainTime(row.windowStart),
      windowEnd: plainTime(row.windowEnd),
    }))
    .toSorted((one, other) =>
      JSON.stringify([one.windowStart, one.subject, one.groupBy]) <
      JSON.stringify([other.windowStart, other.subject, other.groupBy])
        ? -1
        : 1,
    )
}

function plainTime(text: string): string {
  return Temporal.Instant.from(text).toString()
}

describe('rows of a usage report', () => {
  const cases = vectors.filter(({ kind, id }) => kind === 'query' && !(id in DIFFERENT))

  test.each(cases.map((one) => [one.id, one] as const))('%s', async (_id, one) => {
    expect(inOrder(await rowsOf(one))).toEqual(inOrder(one.expected))
  })

  test.each(Object.entries(DIFFERENT))('%s differs: %s', async (id) => {
    const one = vectors.find((candidate) => candidate.id === id)
    expect(one).toBeDefined()
    if (one !== undefined) expect(inOrder(await rowsOf(one))).not.toEqual(inOrder(one.expected))
  })
})

// What cannot be asked is 422 everywhere, where the peer says 400; and any property may be filtered by.
describe('queries that the peer refuses', () => {
  const STATUSES: Readonly<Record<string, number>> = { 'om-query-error-4': 200 }

  test.each(vectors.filter(({ kind }) => kind === 'query_error').map((one) => [one.id, one] as const))(
    '%s',
    async (id, one) => {
      const answer = await (await organizationOf(one)).get(pathOf(one))
      expect(answer.status).toBe(STATUSES[id] ?? 422)
      if (answer.status === 200) expect(answer.body.data).toEqual([])
    },
  )
})
