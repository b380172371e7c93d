import { afterAll, beforeAll, expect, test } from 'vitest'
import { startApi, type TestApi } from '../../support/api.ts'

let api: TestApi
let document: ReturnType<typeof JSON.parse>

beforeAll(async () => {
  api = await startApi()
  document = (await api.request('/openapi.json')).body
})
afterAll(() => api.stop())

/** The keys of a published schema, of ours; what we say beyond it is named by the test. */
function published(schema: Record<string, unknown>): unknown {
  const known = ['type', 'title', 'default', 'anyOf', 'items', '$ref', 'additionalProperties']
  const kept = Object.entries(schema).filter(([key]) => known.includes(key))
  return Object.fromEntries(kept.map(([key, value]) => [key, publishedValue(value)]))
}

function publishedValue(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(publishedValue)
  return typeof value === 'object' && value !== null ? published(value as Record<string, unknown>) : value
}

function properties(name: string): Record<string, unknown> {
  const fields = Object.entries(document.components.schemas[name].properties)
  return Object.fromEntries(fields.map(([field, schema]) => [field, publishedValue(schema)]))
}

const OPTIONAL_TEXT = { anyOf: [{ type: 'string' }, { type: 'null' }] }

const VALIDATION = { 'application/json': { schema: { $ref: '#/components/schemas/HTTPValidationError' } } }

test.each([
  {
    path: '/v1/billing/subscriptions',
    operationId: 'create_subscription_v1_billing_subscriptions_post',
    summary: 'Create Subscription',
    body: 'SubscriptionCreate',
    status: '201',
    answer: 'Response Create Subscription V1 Billing Subscriptions Post',
  },
  {
    path: '/v1/billing/transactions',
    operationId: 'record_transaction_v1_billing_transactions_post',
    summary: 'Record Transaction',
    body: 'TransactionRequest',
    status: '200',
    answer: 'Response Record Transaction V1 Billing Transactions Post',
  },
])('POST $path is the operation of the page', ({ path, operationId, summary, body, status, answer }) => {
  const operation = document.paths[path].post
  expect(operation).toMatchObject({ operationId, summary, tags: ['Billing'] })
  expect(operation.requestBody).toMatchObject({
    required: true,
    content: { 'application/json': { schema: { $ref: `#/components/schemas/${body}` } } },
  })
  expect(published(operation.responses[status].content['application/json'].schema)).toEqual({
    additionalProperties: true,
    type: 'object',
    title: answer,
  })
  expect(operation.responses['422'].content).toEqual(VALIDATION)
})

test('SubscriptionCreate has the fields, titles and defaults of the page', () => {
  const { required, type, title } = document.components.schemas.SubscriptionCreate
  expect({ required, type, title }).toEqual({
    required: ['agent_id', 'user_id'],
    type: 'object',
    title: 'SubscriptionCreate',
  })
  expect(properties('SubscriptionCreate')).toEqual({
    agent_id: { type: 'string', title: 'Agent Id' },
    user_id: { type: 'string', title: 'User Id' },
    plan_type: { type: 'string', title: 'Plan Type', default: 'monthly' },
    price_usd: { type: 'number', title: 'Price Usd', default: 9.99 },
  })
})

test('TransactionRequest has the fields and titles of the page', () => {
  const { required, type, title } = document.components.schemas.TransactionRequest
  expect({ required: required.toSorted(), type, title }).toEqual({
    required: ['amount', 'reference_id', 'type'],
    type: 'object',
    title: 'TransactionRequest',
  })
  expect(properties('TransactionRequest')).toEqual({
    amount: { type: 'number', title: 'Amount' },
    type: { type: 'string', title: 'Type' },
    reference_id: { type: 'string', title: 'Reference Id' },
    agent_id: { ...OPTIONAL_TEXT, title: 'Agent Id' },
    description: { ...OPTIONAL_TEXT, title: 'Description' },
    // Extra.
    user_id: { ...OPTIONAL_TEXT, title: 'User Id' },
  })
})

test('the refusal of an input is that of the page, with a code beside it', () => {
  expect(properties('HTTPValidationError')).toEqual({
    detail: { type: 'array', title: 'Detail', items: { $ref: '#/components/schemas/ValidationError' } },
    // Extra.
    code: { type: 'string' },
  })
  expect(properties('ValidationError')).toEqual({
    loc: { type: 'array', title: 'Location', items: { anyOf: [{ type: 'string' }, { type: 'integer' }] } },
    msg: { type: 'string', title: 'Message' },
    type: { type: 'string', title: 'Error Type' },
  })
  expect(document.components.schemas.ValidationError.required).toEqual(['loc', 'msg', 'type'])
})
