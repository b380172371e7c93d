import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type ApiClient, startApi, type TestApi } from '../../support/api.ts'

let api: TestApi
let client: ApiClient

beforeAll(async () => {
  api = await startApi()
  client = await api.client()
})
afterAll(() => api.stop())

describe('a metric with an expression', () => {
  test('is answered with it when created, read and listed', async () => {
    const expression = 'round(event.properties.cores * event.properties.hours, 2)'
    const metric = { code: 'core_hours', name: 'Core hours', aggregation: 'sum', expression }
    const created = await client.post('/billable_metrics', metric)
    expect(created).toMatchObject({ status: 201, body: { expression, field_name: null } })
    expect((await client.get('/billable_metrics/core_hours')).body).toEqual(created.body)
    expect((await client.get('/billable_metrics')).body.data).toContainEqual(created.body)
  })

  test('of the aggregation custom computes its units from all events', async () => {
    const expression = 'sum(event.properties.a) - largest(event.properties.a)'
    const metric = { code: 'all_but_largest', name: 'All but the largest', aggregation: 'custom', expression }
    expect(await client.post('/billable_metrics', metric)).toMatchObject({ status: 201, body: { expression } })
  })

  test.each([
    [{ aggregation: 'sum', expression: 'event.properties.a +' }, 'expression_syntax', /at character \d+\)$/],
    [{ aggregation: 'sum', expression: 'event.customer' }, 'expression_unknown', /"customer".*at character 7\)$/],
    [{ aggregation: 'sum', expression: 'sum(event.properties.a)' }, 'expression_unknown', /not a function here/],
    [{ aggregation: 'custom', expression: 'event.properties.a' }, 'expression_unknown', /known are none/],
    [{ aggregation: 'count', expression: 'event.properties.a' }, 'field_unused', /leave it out/],
    [{ aggregation: 'custom' }, 'missing', /is required/],
  ])('%j is refused: %s', async (about, type, msg) => {
    const refused = await client.post('/billable_metrics', { code: 'refused', name: 'Refused', ...about })
    const issue = { loc: ['body', 'expression'], type, msg: expect.stringMatching(msg) }
    expect(refused).toMatchObject({ status: 422, body: { detail: [issue], code: 'validation_error' } })
  })
})

describe('evaluating an expression', () => {
  const evaluate = (expression: string, event: object) =>
    client.post('/billable_metrics/evaluate_expression', { expression, event })

  test.each([
    ['round(event.properties.value * event.properties.units)', { properties: { value: 10.4, units: 2 } }, '21'],
    ['concat(event.code, "-", event.properties.app)', { code: 'k', properties: { app: 'x' } }, 'k-x'],
    ['event.timestamp + 1', { timestamp: '2026-03-03T12:00:00.5Z' }, '1772539201.5'],
    ['event.timestamp * 2', { timestamp: 1772539200 }, '3545078400'],
    ['event.properties.n / 3', { properties: { n: 1 } }, `0.${'3'.repeat(30)}`],
    ['event.properties.flag', { properties: { flag: true } }, 'true'],
  ])('%s over %j gives %s and stores nothing', async (expression, event, value) => {
    expect(await evaluate(expression, event)).toMatchObject({ status: 200, body: { value } })
    expect((await client.get('/events/backlog')).body).toEqual({ queued_batches: 0 })
  })

  test('keeps every digit of a number in the body', async () => {
    const body = '{"expression":"properties.n + 1","event":{"properties":{"n":90071992547409930.10}}}'
    const answer = await client.post('/billable_metrics/evaluate_expression', body)
    expect(answer).toMatchObject({ status: 200, body: { value: '90071992547409931.1' } })
  })

  test.each([
    ['event.properties.n * 2', { properties: {} }, ['body', 'event', 'properties', 'n'], 'value_missing'],
    ['event.properties.n * 2', { properties: { n: 'x' } }, ['body', 'event', 'properties', 'n'], 'value_not_a_number'],
    ['1 / event.properties.n', { properties: { n: 0 } }, ['body', 'expression'], 'expression_failed'],
    ['event.nothing', {}, ['body', 'expression'], 'expression_unknown'],
    ['event.timestamp', { timestamp: 'soon' }, ['body', 'event', 'timestamp'], 'timestamp'],
    ['event.code', { kode: 'k' }, ['body', 'event', 'kode'], 'extra_forbidden'],
  ])('%s over %j is refused at %j: %s', async (expression, event, loc, type) => {
    const refused = await evaluate(expression, event)
    expect(refused).toMatchObject({ status: 422, body: { detail: [{ loc, type }], code: 'validation_error' } })
  })
})
