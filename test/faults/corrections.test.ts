import { afterAll, beforeAll, expect, test } from 'vitest'
import { holdWritesTo } from '../support/faults-locks.ts'
import { type FaultyService, startFaultyService } from '../support/faults-service.ts'
import { until } from '../support/faults-until.ts'

let service: FaultyService

beforeAll(async () => {
  service = await startFaultyService()
})

afterAll(() => service?.stop())

const AMENDMENT = { external_customer_id: 'acme', reason: 'twice as many', event: { properties: { tokens: 10 } } }

test.each(['insert into usage_rollups', 'insert into touched_customers'])(
  'an amendment whose process is killed at "%s" has not happened, and happens when it is sent again',
  async (statement) => {
    const id = statement.replaceAll(' ', '-')
    await service.client.post('/v1/billable_metrics', {
      code: id,
      name: id,
      aggregation: 'max',
      field_name: 'tokens',
    })
    const event = { transaction_id: id, external_customer_id: 'acme', code: id, properties: { tokens: 5 } }
    await service.client.post('/v1/events', event)
    await until('it is counted', async () => (await maximum(id)) === '5')
    const barrier = await holdWritesTo(service.pool, `tabkeeper.${statement.split(' ').at(-1)}`)
    const cut = amend(id).catch(() => 'no answer')
    await barrier.reached(statement)
    await service.kill('web')
    await barrier.lift()
    expect(await cut).not.toMatch(/^201/)
    expect(await maximum(id)).toBe('5')
    await until('it is served again', async () => (await amend(id).catch(() => '')).startsWith('201'))
    expect(await maximum(id)).toBe('10')
    expect(await amend(id)).toBe(await amend(id))
    const { rows } = await service.pool.query('select kind from tabkeeper.event_corrections where reason = $1', [id])
    expect(rows).toEqual([{ kind: 'amend' }])
  },
)

/** The status and the text of the answer. */
async function amend(id: string): Promise<string> {
  const response = await fetch(`${service.url}/v1/events/${id}/amend`, {
    method: 'POST',
    headers: { authorization: `Bearer ${service.apiKey}`, 'content-type': 'application/json', connection: 'close' },
    body: JSON.stringify({ ...AMENDMENT, reason: id }),
  })
  return `${response.status} ${await response.text()}`
}

/** What the rollup of the day says, or a word where there is none or several that differ from each other. */
async function maximum(code: string): Promise<string> {
  const { rows } = await service.pool.query<{ max: string }>(
    `select distinct trim_scale(value_max)::text as max from tabkeeper.usage_rollups
     join tabkeeper.usage_series series using (customer_id, series_id)
     join tabkeeper.billable_metrics metric on metric.id = series.billable_metric_id where metric.code = $1`,
    [code],
  )
  return rows.length === 1 ? (rows[0]?.max ?? 'null') : `${rows.length} values`
}
