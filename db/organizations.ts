import { CamelCasePlugin, Kysely, PostgresDialect, type Transaction } from 'kysely'
import { Pool } from 'pg'
import { insertApiKey, randomText } from './catalogue/api-keys.ts'
import { hashPassword } from './catalogue/password.ts'
import type { Database } from './schema.ts'

export interface OrganizationSettings {
  readonly name: string
  /** ISO 4217; USD when left out. */
  readonly currency?: string
  /** IANA name; UTC when left out. */
  readonly timeZone?: string
  /** How long the default issuer keeps invoices as drafts; an hour when left out. */
  readonly gracePeriodSeconds?: number
  /** Opens an operator account of this name, unique in the whole installation. */
  readonly operator?: string
}

/** The secrets stand here only; the database keeps their hashes. */
export interface CreatedOrganization {
  readonly organizationId: number
  readonly id: string
  readonly apiKey: string
  /** Absent when no operator was asked for. */
  readonly operatorPassword: string | undefined
}

/** Creates an organization with its default issuer and one API key, over the owner's connection. */
export async function createOrganization(
  ownerDatabaseUrl: string,
  settings: OrganizationSettings,
): Promise<CreatedOrganization> {
  return await asOwner(ownerDatabaseUrl, (transaction) => insertOrganization(transaction, settings))
}

/** Creates one more API key for an organization; the key stands in the answer only. */
export async function createApiKey(ownerDatabaseUrl: string, organizationId: number): Promise<string> {
  return await asOwner(ownerDatabaseUrl, (transaction) => insertOwnerKey(transaction, organizationId))
}

/** Creates an organization within a transaction of the owner. */
export async function insertOrganization(
  transaction: Transaction<Database>,
  { name, currency, timeZone, gracePeriodSeconds, operator }: OrganizationSettings,
): Promise<CreatedOrganization> {
  const { organizationId, id } = await transaction
    .insertInto('organizations')
    .values({ name, ...(currency && { currency }), ...(timeZone && { timeZone }) })
    .returning(['organizationId', 'id'])
    .executeTakeFirstOrThrow()
  await transaction
    .insertInto('issuers')
    .values({
      organizationId,
      code: 'default',
      name,
      isDefault: true,
      invoiceNumberPrefix: 'INV-',
      ...(gracePeriodSeconds === undefined ? {} : { gracePeriodSeconds }),
    })
    .execute()
  const apiKey = await insertOwnerKey(transaction, organizationId)
  const operatorPassword = operator && (await insertOperator(transaction, organizationId, operator))
  return { organizationId, id, apiKey, operatorPassword: operatorPassword || undefined }
}

/** Runs work in one transaction with the rights of the owner, over a connection of its own. */
export async function asOwner<Result>(
  ownerDatabaseUrl: string,
  work: (transaction: Transaction<Database>) => Promise<Result>,
): Promise<Result> {
  const pool = new Pool({ connectionString: ownerDatabaseUrl, max: 1, options: '-c search_path=tabkeeper' })
  const owner = new Kysely<Database>({ dialect: new PostgresDialect({ pool }), plugins: [new CamelCasePlugin()] })
  try {
    return await owner.transaction().execute(work)
  } finally {
    await owner.destroy()
  }
}

// The first key may do everything, and so may those that the owner of the database asks for.
async function insertOwnerKey(transaction: Transaction<Database>, organizationId: number): Promise<string> {
  const key = { name: 'API key', scopes: ['*'] as const, externalCustomerId: null }
  const { secret } = await insertApiKey(transaction, organizationId, key)
  return secret
}

async function insertOperator(
  transaction: Transaction<Database>,
  organizationId: number,
  username: string,
): Promise<string> {
  const password = randomText(20)
  await transaction
    .insertInto('operators')
    .values({ organizationId, username, passwordHash: await hashPassword(password) })
    .execute()
  return password
}
