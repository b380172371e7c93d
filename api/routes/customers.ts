import Type from 'typebox'
import {
  type Customer,
  type CustomerDetails,
  insertCustomer,
  listCustomers,
  requireCustomer,
  updateCustomer,
} from '../../db/catalogue/customers.ts'
import type { OrganizationTransaction } from '../../db/connection.ts'
import { hasLiveSubscription } from '../../db/subscriptions/subscriptions.ts'
import { AppError, validationError } from '../../shared/errors.ts'
import { isRawNumber, isStorableNumber } from '../../shared/json/exact-json.ts'
import { inOrganization, type Routes } from '../context.ts'
import { PAGE_QUERY, pageAnswer, pageRequest } from '../paging.ts'
import {
  CurrencyCode,
  failures,
  Input,
  JsonObject,
  ListOf,
  Name,
  Nullable,
  Output,
  PATH_NAME,
  Time,
  TimeZoneName,
  Uuid,
} from '../schemas/common.ts'
import { requireCurrencyCode, requireTimeZone } from '../schemas/known-names.ts'

const ExternalId = Type.String({ ...PATH_NAME, description: 'Your own id of the customer.' })

const DETAILS = {
  name: Type.Optional(Nullable(Name)),
  email: Type.Optional(Nullable(Type.String({ format: 'email', maxLength: 320 }))),
  currency: Type.Optional(Nullable(CurrencyCode)),
  time_zone: Type.Optional(Nullable(TimeZoneName)),
  metadata: Type.Optional(JsonObject),
}

const CustomerCreate = Input('CustomerCreate', { external_id: ExternalId, ...DETAILS })
const CustomerPatch = Input('CustomerUpdate', DETAILS)

const CustomerAnswer = Output('Customer', {
  id: Uuid,
  external_id: ExternalId,
  name: Nullable(Type.String()),
  email: Nullable(Type.String()),
  currency: Nullable(Type.String({ description: 'Null until the first subscription decides it.' })),
  time_zone: Nullable(Type.String({ description: "Null: the organization's." })),
  metadata: JsonObject,
  created_at: Time,
  updated_at: Time,
})

const ByExternalId = Type.Object({ external_id: ExternalId })

/** Who is billed. */
export const customerRoutes: Routes = async (server, { context }) => {
  const within = inOrganization(context)

  server.post(
    '/customers',
    {
      schema: {
        operationId: 'createCustomer',
        summary: 'Create a customer',
        description: 'Usage that was sent for the external id before is billable from here on.',
        tags: ['Customers'],
        body: CustomerCreate,
        response: { 201: CustomerAnswer, ...failures('customer_exists') },
      },
    },
    async (request, reply) => {
      const details = { ...NO_DETAILS, ...detailsOf(request.body), externalId: request.body.external_id }
      const customer = await within(request, (transaction, id) => insertCustomer(transaction, id, details))
      return reply.code(201).send(view(customer))
    },
  )

  server.get(
    '/customers',
    {
      schema: {
        operationId: 'listCustomers',
        summary: 'List customers',
        tags: ['Customers'],
        querystring: Type.Object(PAGE_QUERY),
        response: { 200: ListOf('CustomerList', CustomerAnswer), ...failures() },
      },
    },
    (request) => {
      const page = pageRequest(request.query)
      return within(request, async (transaction, id) => pageAnswer(await listCustomers(transaction, id, page), view))
    },
  )

  server.get(
    '/customers/:external_id',
    {
      schema: {
        operationId: 'getCustomer',
        summary: 'Retrieve a customer',
        tags: ['Customers'],
        params: ByExternalId,
        response: { 200: CustomerAnswer, ...failures('customer_not_found') },
      },
    },
    (request) =>
      within(request, async (transaction, id) =>
        view(await requireCustomer(transaction, id, request.params.external_id)),
      ),
  )

  server.patch(
    '/customers/:external_id',
    {
      schema: {
        operationId: 'updateCustomer',
        summary: 'Update a customer',
        description: 'Fields that are left out stay; null empties a field. `metadata` is replaced as a whole.',
        tags: ['Customers'],
        params: ByExternalId,
        body: CustomerPatch,
        response: { 200: CustomerAnswer, ...failures('customer_not_found', 'currency_mismatch') },
      },
    },
    (request) => {
      const details = detailsOf(request.body)
      return within(request, async (transaction, id) => {
        const customer = await requireCustomer(transaction, id, request.params.external_id, { forUpdate: true })
        await requireCurrencyFree(transaction, id, customer, details.currency)
        return view(await updateCustomer(transaction, id, customer.customerId, details))
      })
    },
  )
}

const NO_DETAILS: CustomerDetails = { name: null, email: null, currency: null, timeZone: null, metadata: {} }

type Details = Type.Static<typeof CustomerPatch>

function detailsOf({ name, email, currency, time_zone, metadata }: Details): Partial<CustomerDetails> {
  return {
    ...(name === undefined ? {} : { name }),
    ...(email === undefined ? {} : { email }),
    ...(currency === undefined ? {} : { currency: currency && requireCurrencyCode(currency) }),
    ...(time_zone === undefined ? {} : { timeZone: time_zone && requireTimeZone(time_zone) }),
    ...(metadata === undefined ? {} : { metadata: requireStorableNumbers(metadata) }),
  }
}

function requireStorableNumbers(metadata: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> {
  if (holdsStorableNumbers(metadata)) return metadata
  const msg = 'holds a number that is too long'
  throw validationError([{ loc: ['body', 'metadata'], msg, type: 'number_unstorable' }])
}

function holdsStorableNumbers(value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return true
  return isRawNumber(value) ? isStorableNumber(value) : Object.values(value).every(holdsStorableNumbers)
}

// What runs in one currency ends in it: no balance is ever summed across currencies.
async function requireCurrencyFree(
  transaction: OrganizationTransaction,
  organizationId: number,
  { customerId, externalId, currency: current }: Customer,
  currency: string | null | undefined,
): Promise<void> {
  if (currency === undefined || currency === current) return
  if (!(await hasLiveSubscription(transaction, organizationId, customerId))) return
  throw new AppError(
    'currency_mismatch',
    `the customer "${externalId}" has subscriptions in ${current}; the currency can change once they have ended`,
  )
}

function view(customer: Customer) {
  return {
    id: customer.id,
    external_id: customer.externalId,
    name: customer.name,
    email: customer.email,
    currency: customer.currency,
    time_zone: customer.timeZone,
    metadata: customer.metadata,
    created_at: customer.registeredAt.toString(),
    updated_at: customer.updatedAt.toString(),
  }
}
