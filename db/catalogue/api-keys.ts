import { hash, randomInt } from 'node:crypto'
import { type Selectable, sql } from 'kysely'
import { AppError } from '../../shared/errors.ts'
import type { Connection, OrganizationTransaction } from '../connection.ts'
import { newestFirst, type Page, type PageRequest } from '../paging.ts'
import type { Database, KeyScope } from '../schema.ts'

/** Whom a key speaks for, and what it may do. */
export interface KeyHolder {
  readonly apiKeyId: string
  readonly organizationId: number
  readonly scopes: readonly KeyScope[]
  /** Null: for the whole organization. */
  readonly externalCustomerId: string | null
}

/** A key without its hash. */
export type ApiKey = Omit<Selectable<Database['apiKeys']>, 'keyHash'>

export interface ApiKeyDefinition {
  readonly name: string
  readonly scopes: readonly KeyScope[]
  readonly externalCustomerId: string | null
}

/** What is stored of a key; its 190 bits of chance need no slow hash. */
export function hashApiKey(secret: string): Buffer {
  return hash('sha256', secret, 'buffer')
}

/**
 * The holder of a key that is not revoked. Runs before the organization is known; the time of the use is kept to the
 * minute.
 */
export async function findApiKey(connection: Connection, keyHash: Buffer): Promise<KeyHolder | undefined> {
  const { rows } = await sql<Omit<KeyHolder, 'apiKeyId'> & { id: string }>`
    select id, organization_id, scopes, external_customer_id from find_api_key(${keyHash})`.execute(connection)
  const [row] = rows
  if (row === undefined) return undefined
  const { id, organizationId, scopes, externalCustomerId } = row
  return { apiKeyId: id, organizationId, scopes, externalCustomerId }
}

/** Creates a key. The secret stands in the answer only. */
export async function insertApiKey(
  transaction: OrganizationTransaction,
  organizationId: number,
  { name, scopes, externalCustomerId }: ApiKeyDefinition,
): Promise<{ readonly key: ApiKey; readonly secret: string }> {
  const secret = `tk_${randomText(32)}`
  const key = await transaction
    .insertInto('apiKeys')
    .values({
      organizationId,
      name,
      scopes: [...scopes],
      externalCustomerId,
      keyPrefix: secret.slice(0, KEY_PREFIX_LENGTH),
      keyHash: hashApiKey(secret),
    })
    .returning(KEY_COLUMNS)
    .executeTakeFirstOrThrow()
  return { key, secret }
}

/** Keys that work, newest first. */
export async function listApiKeys(
  transaction: OrganizationTransaction,
  organizationId: number,
  page: PageRequest,
): Promise<Page<ApiKey>> {
  const query = transaction
    .selectFrom('apiKeys')
    .select(KEY_COLUMNS)
    .where('organizationId', '=', organizationId)
    .where('revokedAt', 'is', null)
  return await newestFirst(query, page)
}

/**
 * Ends a key by another one; processes that know it stop taking it within seconds. The second time changes nothing. An
 * organization always keeps a key that manages keys: throws `api_key_in_use` where a key would end itself, and
 * `unauthorized` where the one that asks was ended meanwhile.
 */
export async function revokeApiKey(
  transaction: OrganizationTransaction,
  organizationId: number,
  { id, byKeyId }: { readonly id: string; readonly byKeyId: string },
): Promise<void> {
  if (id.toLowerCase() === byKeyId) {
    throw new AppError('api_key_in_use', 'a key does not revoke itself; do it with another one of the scope "*"')
  }
  await requireWorking(transaction, organizationId, { id, byKeyId })
  const revoked = await transaction
    .updateTable('apiKeys')
    .set((set) => ({ revokedAt: sql<string>`coalesce(${set.ref('revokedAt')}, now())` }))
    .where('organizationId', '=', organizationId)
    .where('id', '=', id)
    .returning('id')
    .executeTakeFirst()
  if (revoked === undefined) throw new AppError('api_key_not_found', `no API key has the id ${id}`)
}

// Both are held, in one order, so that of two keys that end each other one stays.
async function requireWorking(
  transaction: OrganizationTransaction,
  organizationId: number,
  { id, byKeyId }: { readonly id: string; readonly byKeyId: string },
): Promise<void> {
  const held = await transaction
    .selectFrom('apiKeys')
    .select(['id', 'revokedAt'])
    .where('organizationId', '=', organizationId)
    .where('id', 'in', [id, byKeyId])
    .orderBy('id')
    .forUpdate()
    .execute()
  const asking = held.find((key) => key.id === byKeyId)
  if (asking?.revokedAt !== null) throw new AppError('unauthorized', 'the API key was revoked')
}

/** Chance as letters and digits, nearly six bits each. */
export function randomText(length: number): string {
  return Array.from({ length }, () => ALPHABET.charAt(randomInt(ALPHABET.length))).join('')
}

const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789'
const KEY_PREFIX_LENGTH = 7

const KEY_COLUMNS = [
  'id',
  'organizationId',
  'name',
  'keyPrefix',
  'scopes',
  'externalCustomerId',
  'lastUsedAt',
  'createdAt',
  'revokedAt',
] as const
