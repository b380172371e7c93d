import { type Selectable, sql } from 'kysely'
import { AppError } from '../../shared/errors.ts'
import type { WebhookEventType } from '../../shared/webhooks/event-types.ts'
import type { OrganizationTransaction } from '../connection.ts'
import { newestFirst, type Page, type PageRequest } from '../paging.ts'
import type { Database } from '../schema.ts'
import { createSecret, sealSecret } from './sealed-secret.ts'

/** An endpoint without its secrets. */
export type WebhookEndpoint = Pick<Selectable<Database['webhookEndpoints']>, (typeof COLUMNS)[number]>

export interface WebhookEndpointDefinition {
  readonly url: string
  readonly description: string | null
  /** Null: every type. */
  readonly eventTypes: readonly WebhookEventType[] | null
  readonly enabled: boolean
}

/** An endpoint with the secret it was just given, which is shown this once. */
export interface EndpointWithSecret {
  readonly endpoint: WebhookEndpoint
  readonly secret: string
}

/** Creates an endpoint; it hears of changes that are made from then on. */
export async function insertWebhookEndpoint(
  transaction: OrganizationTransaction,
  organizationId: number,
  { url, description, eventTypes, enabled }: WebhookEndpointDefinition,
  sealingKey: Buffer,
): Promise<EndpointWithSecret> {
  const id = await createId(transaction)
  const secret = createSecret()
  const sealedSecret = sealSecret(secret, { key: sealingKey, endpointId: id })
  const endpoint = await transaction
    .insertInto('webhookEndpoints')
    .values({ id, organizationId, url, description, eventTypes: listOf(eventTypes), ...stateOf(enabled), sealedSecret })
    .returning(COLUMNS)
    .executeTakeFirstOrThrow()
  return { endpoint, secret }
}

export async function requireWebhookEndpoint(
  transaction: OrganizationTransaction,
  organizationId: number,
  id: string,
): Promise<WebhookEndpoint> {
  const endpoint = await transaction
    .selectFrom('webhookEndpoints')
    .select(COLUMNS)
    .where('organizationId', '=', organizationId)
    .where('id', '=', id)
    .executeTakeFirst()
  return found(endpoint, id)
}

/** Newest first. */
export async function listWebhookEndpoints(
  transaction: OrganizationTransaction,
  organizationId: number,
  page: PageRequest,
): Promise<Page<WebhookEndpoint>> {
  const query = transaction.selectFrom('webhookEndpoints').select(COLUMNS).where('organizationId', '=', organizationId)
  return await newestFirst(query, page)
}

/** Changes the given fields. Enabling forgets its failures, and what waited for it is sent on. */
export async function updateWebhookEndpoint(
  transaction: OrganizationTransaction,
  organizationId: number,
  id: string,
  { enabled, eventTypes, ...changes }: Partial<WebhookEndpointDefinition>,
): Promise<WebhookEndpoint> {
  const endpoint = await transaction
    .updateTable('webhookEndpoints')
    .set({
      ...changes,
      ...(eventTypes === undefined ? {} : { eventTypes: listOf(eventTypes) }),
      ...(enabled === undefined ? {} : stateOf(enabled)),
      ...(enabled === true ? { failingSince: null } : {}),
      updatedAt: sql`now()`,
    })
    .where('organizationId', '=', organizationId)
    .where('id', '=', id)
    .returning(COLUMNS)
    .executeTakeFirst()
  return found(endpoint, id)
}

/** Deletes an endpoint, and what was and was to be delivered to it. Messages stay. */
export async function deleteWebhookEndpoint(
  transaction: OrganizationTransaction,
  organizationId: number,
  id: string,
): Promise<void> {
  const endpoint = await transaction
    .deleteFrom('webhookEndpoints')
    .where('organizationId', '=', organizationId)
    .where('id', '=', id)
    .returning(COLUMNS)
    .executeTakeFirst()
  found(endpoint, id)
}

/** Gives an endpoint a new secret. The one before signs too until the time given; one before that no longer does. */
export async function rotateWebhookSecret(
  transaction: OrganizationTransaction,
  organizationId: number,
  id: string,
  { sealingKey, previousEndsAt }: { sealingKey: Buffer; previousEndsAt: Temporal.Instant },
): Promise<EndpointWithSecret> {
  const secret = createSecret()
  const endpoint = await transaction
    .updateTable('webhookEndpoints')
    .set((set) => ({
      previousSealedSecret: set.ref('sealedSecret'),
      previousSecretEndsAt: previousEndsAt.toString(),
      sealedSecret: sealSecret(secret, { key: sealingKey, endpointId: id }),
      updatedAt: sql`now()`,
    }))
    .where('organizationId', '=', organizationId)
    .where('id', '=', id)
    .returning(COLUMNS)
    .executeTakeFirst()
  return { endpoint: found(endpoint, id), secret }
}

const COLUMNS = [
  'id',
  'url',
  'description',
  'eventTypes',
  'enabled',
  'disabledReason',
  'failingSince',
  'previousSecretEndsAt',
  'createdAt',
  'updatedAt',
] as const

// Known before the row is there, because its secret is sealed for it.
async function createId(transaction: OrganizationTransaction): Promise<string> {
  const { rows } = await sql<{ id: string }>`select uuidv7() as id`.execute(transaction)
  return rows[0]?.id ?? ''
}

function stateOf(enabled: boolean): { enabled: boolean; disabledReason: 'requested' | null } {
  return { enabled, disabledReason: enabled ? null : 'requested' }
}

function listOf(eventTypes: readonly WebhookEventType[] | null): WebhookEventType[] | null {
  return eventTypes === null ? null : [...new Set(eventTypes)]
}

function found(endpoint: WebhookEndpoint | undefined, id: string): WebhookEndpoint {
  if (endpoint === undefined) throw new AppError('webhook_endpoint_not_found', `no webhook endpoint has the id ${id}`)
  return endpoint
}
