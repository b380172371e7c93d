import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type ApiClient, startApi, type TestApi } from '../../support/api.ts'

let api: TestApi
let client: ApiClient
let plan: { charges: { id: string }[] } & Record<string, unknown>

beforeAll(async () => {
  api = await startApi()
  client = await api.client()
  const metric = await client.post('/billable_metrics', { code: 'calls', name: 'Calls', aggregation: 'count' })
  const sent = { code: 'tiers', name: 'Tiers', interval: 'monthly', amount_cents: 1000 }
  plan = {
    ...sent,
    charges: [{ billable_metric_id: metric.body.id, charge_model: 'graduated', properties: TIERS }],
  } as never
  await client.post('/plans/', plan)
})
afterAll(() => api.stop())

const TIERS = {
  graduated_ranges: [
    { from_value: 0, to_value: 10, per_unit_amount: '1', flat_amount: '0' },
    { from_value: 11, to_value: null, per_unit_amount: '0.5', flat_amount: '3' },
  ],
}

type Point = { units: string; amount: string; amount_cents: number; steps: unknown[] }

function points(curve: Point[]): unknown[][] {
  return curve.map(({ units, amount, amount_cents: cents, steps }) => [units, amount, cents, steps.length])
}

describe('a curve', () => {
  test('prices a charge at evenly spaced quantities, each with its steps', async () => {
    const answer = await client.post('/plans/tiers/simulate', { range: { charge: 'calls', to: 20, points: 5 } })
    expect(answer.status).toBe(200)
    expect(points(answer.body.curve)).toEqual([
      ['0', '0', 0, 1],
      ['5', '5', 500, 1],
      ['10', '10', 1000, 1],
      // 10 × 1, then 3 + 5 × 0.5.
      ['15', '15.5', 1550, 2],
      ['20', '18', 1800, 2],
    ])
    expect(answer.body.total_cents).toBe(1000)
  })

  test('each of its amounts is that of the charge at those units', async () => {
    const stored = (await client.get('/plans/tiers')).body
    const range = { charge: stored.charges[0].id, from: '8.25', to: '12.75', points: 4 }
    const { body } = await client.post('/plans/tiers/simulate', { range })
    for (const point of body.curve as Point[]) {
      const single = await client.post('/plans/tiers/simulate', { units: { calls: point.units } })
      const usage = single.body.lines.find(({ kind }: { kind: string }) => kind === 'usage')
      expect({ amount: point.amount, steps: point.steps }).toEqual({ amount: usage.amount, steps: usage.steps })
    }
  })

  test('without a range there is none', async () => {
    expect((await client.post('/plans/tiers/simulate', {})).body.curve).toBeNull()
  })

  test.each([
    [{ charge: 'none', to: 1 }, 'body.range.charge unknown_charge'],
    [{ charge: 'calls', from: 5, to: 5 }, 'body.range.to greater_than'],
    [{ charge: 'calls', to: 'much' }, 'body.range.to decimal_type'],
    [{ charge: 'calls' }, 'body.range.to missing'],
    [{ charge: 'calls', to: 1, points: 1 }, 'body.range.points greater_than_equal'],
    [{ charge: 'calls', to: 1, points: 201 }, 'body.range.points less_than_equal'],
  ])('%j is refused', async (range, fault) => {
    const answer = await client.post('/plans/tiers/simulate', { range })
    const [issue] = answer.body.detail
    expect([answer.status, `${issue.loc.join('.')} ${issue.type}`]).toEqual([422, fault])
  })
})

describe('a plan that is not created', () => {
  test('costs what it would cost, and nothing of it remains', async () => {
    const usage = { units: { calls: '15' }, range: { charge: 'calls', to: '20', points: 3 } }
    const saved = await client.post('/plans/tiers/simulate', usage)
    const unsaved = await client.post('/plans/simulate', { ...plan, ...usage })
    expect(unsaved.status).toBe(200)
    const lines = saved.body.lines.map((line: object) => ({ ...line, charge_id: null }))
    expect(unsaved.body).toEqual({ ...saved.body, lines })
    await client.post('/plans/simulate', { ...plan, code: 'never' })
    expect((await client.get('/plans/never')).status).toBe(404)
    expect((await client.get('/plans/?limit=100')).body.data).toHaveLength(1)
  })

  test('is checked as a creation is', async () => {
    const faulty = await client.post('/plans/simulate', { ...plan, currency: 'XX1' })
    expect([faulty.status, faulty.body.detail[0].loc]).toEqual([422, ['body', 'currency']])
    const charges = [{ ...plan.charges[0], billable_metric_id: '00000000-0000-7000-8000-000000000000' }]
    expect((await client.post('/plans/simulate', { ...plan, charges })).body.code).toBe('invalid_reference')
    const unknown = await client.post('/plans/simulate', { ...plan, units: { bytes: 1 } })
    expect(unknown.body.detail[0].loc).toEqual(['body', 'units', 'bytes'])
  })
})
