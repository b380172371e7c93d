import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { startApi, type TestApi } from '../../support/api.ts'

let api: TestApi
let document: ReturnType<typeof JSON.parse>

beforeAll(async () => {
  api = await startApi()
  document = (await api.request('/openapi.json')).body
})
afterAll(() => api.stop())

/** The fields of a schema: name, type, required, bounds; references by their last part. */
function fields(name: string): Record<string, string> {
  const schema = document.components.schemas[name]
  return Object.fromEntries(
    Object.entries(schema.properties).map(([field, definition]) => [
      field,
      `${schema.required?.includes(field) ? 'required ' : ''}${typeText(definition as Record<string, unknown>)}`,
    ]),
  )
}

function typeText(schema: Record<string, unknown>): string {
  const { $ref, anyOf, items } = schema as { $ref?: string; anyOf?: Record<string, unknown>[]; items?: object }
  if ($ref !== undefined) return $ref.split('/').at(-1) ?? ''
  if (anyOf !== undefined) return anyOf.map(typeText).join(' or ')
  const bounds = ['format', 'minLength', 'maxLength', 'default']
    .filter((key) => schema[key] !== undefined)
    .map((key) => ` ${key}=${JSON.stringify(schema[key])}`)
  const of = items === undefined ? '' : ` of ${typeText(items as Record<string, unknown>)}`
  return `${String(schema['type'])}${of}${bounds.join('')}`
}

const STAMPS = {
  created_at: 'required string format="date-time"',
  updated_at: 'required string format="date-time"',
}

/** What changes the price of a charge beside its model; written the same in requests and answers. */
const MODIFIERS = {
  matrix: 'PriceMatrix or null',
  windows: 'PricedWindows or null',
  min_amount_cents: 'integer or null',
  max_amount_cents: 'integer or null',
  free_units: 'DecimalInput',
  percentage_discount: 'DecimalInput',
  unit_conversion: 'UnitConversion or null',
  pricing_unit: 'PricingUnit or null',
  prorated: 'boolean or null',
}

// Field by field as the page "Create plan" lists them (shared reference 004); what it does not list is an extra.
describe('the page "Create plan"', () => {
  test('PlanCreate', () => {
    expect(fields('PlanCreate')).toEqual({
      code: 'required string minLength=1 maxLength=255',
      name: 'required string minLength=1 maxLength=255',
      description: 'string or null',
      interval: 'required PlanInterval',
      amount_cents: 'integer default=0',
      currency: 'string minLength=3 maxLength=3 default="USD"',
      trial_period_days: 'integer default=0',
      charges: 'array of ChargeInput default=[]',
      // Extra.
      pay_in_advance: 'boolean default=false',
      trial_kind: 'string default="free"',
      trial_usage: 'string default="billed"',
      late_usage: 'string or null',
      interval_count: 'integer or null',
      interval_unit: 'string or null',
    })
  })

  test('ChargeInput and ChargeFilterInput', () => {
    expect(fields('ChargeInput')).toEqual({
      billable_metric_id: 'required string format="uuid"',
      charge_model: 'required ChargeModel',
      properties: 'object',
      filters: 'array of ChargeFilterInput',
      // Extra.
      invoice_display_name: 'string maxLength=255 or null',
      ...MODIFIERS,
    })
    expect(fields('ChargeFilterInput')).toEqual({
      billable_metric_filter_id: 'required string format="uuid"',
      values: 'array of string',
      properties: 'object',
      invoice_display_name: 'string maxLength=255 or null',
      // Extra.
      and: 'array of FilterCondition',
    })
  })

  test('PlanResponse and ChargeOutput', () => {
    expect(fields('PlanResponse')).toEqual({
      id: 'required string format="uuid"',
      code: 'required string',
      name: 'required string',
      description: 'required string or null',
      interval: 'required PlanInterval',
      amount_cents: 'required integer',
      currency: 'required string',
      trial_period_days: 'required integer',
      charges: 'array of ChargeOutput',
      ...STAMPS,
      // Extra.
      version: 'required integer',
      interval_count: 'required integer or null',
      interval_unit: 'required string or null',
      pay_in_advance: 'required boolean',
      trial_kind: 'required string',
      trial_usage: 'required string',
      late_usage: 'required string or null',
      archived_at: 'required string format="date-time" or null',
    })
    expect(fields('ChargeOutput')).toEqual({
      id: 'required string format="uuid"',
      plan_id: 'required string format="uuid"',
      billable_metric_id: 'required string format="uuid"',
      charge_model: 'required ChargeModel',
      properties: 'required object',
      ...STAMPS,
      // Extra.
      filters: 'required array of ChargeFilterOutput',
      invoice_display_name: 'required string maxLength=255 or null',
      ...MODIFIERS,
    })
  })

  test('allowed values and statuses', () => {
    const { PlanInterval, ChargeModel } = document.components.schemas
    expect(PlanInterval.enum).toEqual(['weekly', 'monthly', 'quarterly', 'yearly'])
    expect(ChargeModel.enum).toEqual([
      'standard',
      'graduated',
      'volume',
      'package',
      'percentage',
      'graduated_percentage',
      'custom',
      'dynamic',
    ])
    const { responses } = document.paths['/v1/plans/'].post
    expect(Object.keys(responses)).toEqual(expect.arrayContaining(['201', '400', '401', '409', '422']))
  })
})

describe('the document', () => {
  test('it is OpenAPI 3.1 of this version, without a key', async () => {
    expect(document.openapi).toBe('3.1.0')
    expect(document.info).toMatchObject({ title: 'Tabkeeper', version: '0.1.0' })
    expect((await api.request('/docs/')).status).toBe(200)
  })

  test('every operation is named, described and grouped, and says how it fails', () => {
    const groups = document.tags.map(({ name }: { name: string }) => name)
    const ids = new Set<string>()
    for (const [path, methods] of Object.entries<Record<string, Record<string, unknown>>>(document.paths)) {
      for (const operation of Object.values(methods)) {
        expect(operation, path).toMatchObject({
          operationId: expect.stringMatching(/^[a-z][A-Za-z]+$|_v1_billing_\w+_post$/),
          summary: expect.stringMatching(/^[A-Z].{3,}/),
          tags: [expect.toBeOneOf(groups)],
        })
        ids.add(String(operation['operationId']))
        const statuses = Object.keys(operation['responses'] as object)
        if (path.startsWith('/v1/')) expect(statuses, path).toEqual(expect.arrayContaining(['401', '422', '500']))
      }
    }
    expect(ids.size).toBe(Object.values<object>(document.paths).flatMap((methods) => Object.keys(methods)).length)
  })
})
