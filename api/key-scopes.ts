import type { KeyHolder } from '../db/catalogue/api-keys.ts'
import type { KeyScope } from '../db/schema.ts'
import { AppError } from '../shared/errors.ts'

/** What a key may be allowed: everything, to read, to write, or only to send events. */
export const KEY_SCOPES = ['*', 'read', 'write', 'events:write'] as const satisfies readonly KeyScope[]

// Routes whose scope does not follow from their method.
const SCOPES: Readonly<Record<string, KeyScope>> = {
  'POST /v1/events': 'events:write',
  'POST /v1/events/batch': 'events:write',
  'POST /v1/event_producers/dropped': 'events:write',
  'POST /v1/events/estimate_fees': 'read',
  'POST /v1/plans/simulate': 'read',
  'POST /v1/plans/:code/simulate': 'read',
  // Whoever makes keys can do everything.
  'GET /v1/api_keys': '*',
  'POST /v1/api_keys': '*',
  'DELETE /v1/api_keys/:id': '*',
}

// Routes that heed the customer of a key; every other one would show or change what belongs to all customers.
const CUSTOMER_ROUTES: ReadonlySet<string> = new Set([
  'POST /v1/billing/transactions',
  'POST /v1/events/estimate_fees',
  'GET /v1/usage',
  'GET /v1/subscriptions/:id/current_usage',
  'GET /v1/subscriptions/:id/projected_usage',
  'GET /v1/subscriptions/:id/past_usage',
])

const READING: ReadonlySet<string> = new Set(['GET', 'HEAD'])

/** Throws `forbidden` when the key's scopes do not cover the route. A path that leads nowhere is nobody's secret. */
export function requireScope(
  { scopes, externalCustomerId }: Pick<KeyHolder, 'scopes' | 'externalCustomerId'>,
  method: string,
  path: string | undefined,
): void {
  if (path === undefined) return
  const route = `${method === 'HEAD' ? 'GET' : method} ${path.replace(/(?<=.)\/$/, '')}`
  if (externalCustomerId !== null && !CUSTOMER_ROUTES.has(route)) {
    throw new AppError('forbidden', 'the API key speaks for one customer and cannot be used here')
  }
  const needed = SCOPES[route] ?? (READING.has(method) ? 'read' : 'write')
  if (!scopes.some((scope) => covers(scope, needed))) {
    throw new AppError('forbidden', `the API key lacks the scope "${needed}"`)
  }
}

function covers(scope: KeyScope, needed: KeyScope): boolean {
  return scope === '*' || scope === needed || (scope === 'write' && needed === 'events:write')
}
