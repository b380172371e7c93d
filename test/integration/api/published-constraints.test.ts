import { afterAll, beforeAll, expect, test } from 'vitest'
import { startApi, type TestApi } from '../../support/api.ts'

type Json = Record<string, unknown>

let api: TestApi
let document: ReturnType<typeof JSON.parse>

beforeAll(async () => {
  api = await startApi()
  document = (await api.request('/openapi.json')).body
})
afterAll(() => api.stop())

const CODE = { required: true, minLength: 1, maxLength: 255 }
const UUID = { required: true, format: 'uuid' }
const TIME = { required: true, format: 'date-time' }
const REQUIRED = { required: true }
const INTERVAL = { required: true, enum: ['weekly', 'monthly', 'quarterly', 'yearly'] }
const CHARGE_MODEL = {
  required: true,
  enum: ['standard', 'graduated', 'volume', 'package', 'percentage', 'graduated_percentage', 'custom', 'dynamic'],
}
const OPEN = { additionalProperties: true }

/** What the published pages say of the values of their fields (shared references 004, 000 and 001). */
const PUBLISHED: Record<string, Record<string, Json>> = {
  PlanCreate: {
    code: CODE,
    name: CODE,
    description: { nullable: true },
    interval: INTERVAL,
    amount_cents: { default: 0 },
    currency: { default: 'USD', minLength: 3, maxLength: 3 },
    trial_period_days: { default: 0 },
    charges: {},
  },
  ChargeInput: { billable_metric_id: UUID, charge_model: CHARGE_MODEL, properties: OPEN, filters: {} },
  ChargeFilterInput: {
    billable_metric_filter_id: UUID,
    values: {},
    properties: OPEN,
    invoice_display_name: { nullable: true, maxLength: 255 },
  },
  PlanResponse: {
    id: UUID,
    code: REQUIRED,
    name: REQUIRED,
    description: { required: true, nullable: true },
    interval: INTERVAL,
    amount_cents: REQUIRED,
    currency: REQUIRED,
    trial_period_days: REQUIRED,
    charges: {},
    created_at: TIME,
    updated_at: TIME,
  },
  ChargeOutput: {
    id: UUID,
    plan_id: UUID,
    billable_metric_id: UUID,
    charge_model: CHARGE_MODEL,
    properties: { ...REQUIRED, ...OPEN },
    created_at: TIME,
    updated_at: TIME,
  },
  SubscriptionCreate: {
    agent_id: REQUIRED,
    user_id: REQUIRED,
    plan_type: { default: 'monthly' },
    price_usd: { default: 9.99 },
  },
  TransactionRequest: {
    amount: REQUIRED,
    type: REQUIRED,
    reference_id: REQUIRED,
    agent_id: { nullable: true },
    description: { nullable: true },
  },
  HTTPValidationError: { detail: {} },
  ValidationError: { loc: REQUIRED, msg: REQUIRED, type: REQUIRED },
}

const NAMES = 'names of our own are stored and shown: none is empty, none is longer than a page can show'
const PATHS = 'it stands in paths, where . and .. are steps through folders'
const EXACT = 'larger integers are no exact numbers in most readers of JSON'
const BOUNDED = 'no request may cost without bound'

/** What we say beyond the pages, and why. */
const ON_PURPOSE: Record<string, string> = {
  'PlanCreate.code pattern="^(?!\\\\.{1,2}$)"': PATHS,
  'PlanCreate.amount_cents minimum=0': 'nobody is paid for having a plan',
  'PlanCreate.amount_cents maximum=9007199254740991': EXACT,
  'PlanCreate.trial_period_days minimum=0': 'a trial does not end before it starts',
  'PlanCreate.trial_period_days maximum=36500': 'a hundred years; no event is later',
  'PlanCreate.charges maxItems=1000': BOUNDED,
  'PlanCreate.charges default=[]': 'the default that the page leaves unsaid',
  'ChargeInput.filters maxItems=1000': BOUNDED,
  'ChargeFilterInput.values maxItems=1000': BOUNDED,
  'SubscriptionCreate.agent_id minLength=1': NAMES,
  'SubscriptionCreate.agent_id maxLength=255': NAMES,
  'SubscriptionCreate.user_id minLength=1': NAMES,
  'SubscriptionCreate.user_id maxLength=255': NAMES,
  'TransactionRequest.type minLength=1': NAMES,
  'TransactionRequest.type maxLength=64': NAMES,
  'TransactionRequest.reference_id minLength=1': NAMES,
  'TransactionRequest.reference_id maxLength=255': NAMES,
  'TransactionRequest.agent_id minLength=1': NAMES,
  'TransactionRequest.agent_id maxLength=255': NAMES,
  'TransactionRequest.description maxLength=2000': BOUNDED,
  'HTTPValidationError.detail required=true': 'it is always there',
}

const CONSTRAINTS = [
  'pattern',
  'format',
  'minimum',
  'maximum',
  'exclusiveMinimum',
  'exclusiveMaximum',
  'multipleOf',
  'minLength',
  'maxLength',
  'minItems',
  'maxItems',
  'uniqueItems',
  'enum',
  'const',
  'default',
  'additionalProperties',
]

/** The constraints of a field: its own, those of what it refers to, and those of the choice beside null. */
function constraintsOf(schema: Json): Json {
  const { $ref, anyOf, ...own } = schema as { $ref?: string; anyOf?: Json[] } & Json
  const kept = Object.fromEntries(Object.entries(own).filter(([key]) => CONSTRAINTS.includes(key)))
  // An empty schema allows whatever `true` does.
  if (JSON.stringify(kept['additionalProperties']) === '{}') kept['additionalProperties'] = true
  if ($ref !== undefined) return constraintsOf(document.components.schemas[$ref.split('/').at(-1) ?? ''])
  if (anyOf === undefined) return kept
  const others = anyOf.filter(({ type }) => type !== 'null')
  const nullable = others.length < anyOf.length ? { nullable: true } : {}
  return Object.assign({ ...kept, ...nullable }, ...others.map(constraintsOf))
}

function described(fields: Record<string, Json>, name: string): string[] {
  return Object.entries(fields).flatMap(([field, constraints]) =>
    Object.entries(constraints).map(([key, value]) => `${name}.${field} ${key}=${JSON.stringify(value)}`),
  )
}

function ours(name: string, fields: readonly string[]): string[] {
  const { properties, required = [] } = document.components.schemas[name]
  const constraints = fields.map((field): [string, Json] => [
    field,
    { ...(required.includes(field) ? REQUIRED : {}), ...constraintsOf(properties[field]) },
  ])
  return described(Object.fromEntries(constraints), name)
}

test('every field allows what its page allows, but for what is listed with its reason', () => {
  const differences = Object.entries(PUBLISHED).map(([name, fields]) => {
    const [published, said] = [described(fields, name), ours(name, Object.keys(fields))]
    return {
      missing: published.filter((constraint) => !said.includes(constraint)),
      beyond: said.filter((constraint) => !published.includes(constraint)),
    }
  })
  expect(differences.flatMap(({ missing }) => missing)).toEqual([])
  expect(differences.flatMap(({ beyond }) => beyond).toSorted()).toEqual(Object.keys(ON_PURPOSE).toSorted())
})

test('a field that no page knows is refused in a request, and no answer is closed to more fields', () => {
  const closed = Object.keys(PUBLISHED).filter((name) => {
    const { additionalProperties = true } = document.components.schemas[name]
    return additionalProperties === false
  })
  // A misspelt field would otherwise be ignored without a word.
  expect(closed).toEqual(['PlanCreate', 'ChargeInput', 'ChargeFilterInput', 'SubscriptionCreate', 'TransactionRequest'])
})

const EVERYWHERE: Record<string, string> = {
  400: 'a body that broke off, or is not what its content-encoding says',
  401: 'every route wants a key',
  403: 'a key has scopes',
  408: 'a body has a bound in time',
  413: 'a body has a bound',
  415: 'a body is JSON in UTF-8',
  500: 'a failure of our own has the shape of every error',
  503: 'large bodies have a bound together',
}

test.each([
  { path: '/v1/plans/', published: ['201', '400', '401', '409', '422'], beyond: EVERYWHERE },
  {
    path: '/v1/billing/subscriptions',
    published: ['201', '422'],
    beyond: { ...EVERYWHERE, 409: 'a second live subscription of the user and agent, or another currency' },
  },
  {
    path: '/v1/billing/transactions',
    published: ['200', '422'],
    beyond: {
      ...EVERYWHERE,
      409: 'the reference belongs to another content',
      503: 'the same, and it is committed before it is answered, which takes a database',
    },
  },
])('POST $path answers what its page says, and beyond it what is listed', ({ path, published, beyond }) => {
  const codes = new Set([...published, ...Object.keys(beyond)])
  expect(Object.keys(document.paths[path].post.responses).toSorted()).toEqual([...codes].toSorted())
})
