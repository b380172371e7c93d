import { sql } from 'kysely'
import { asOwner, insertOrganization } from './organizations.ts'

/** What a fresh installation tells its owner, once. */
export interface FirstSecrets {
  readonly apiKey: string
  readonly operatorPassword: string
}

// One key for all Tabkeeper processes, so that two that start at once create one organization.
const FIRST_ORGANIZATION_LOCK = 7_282_533_703

/**
 * Creates the organization "Default", its issuer, API key and operator on an installation that has no organization
 * yet. The secrets are answered only by the call that created them; undefined from then on.
 */
export async function ensureFirstOrganization(ownerDatabaseUrl: string): Promise<FirstSecrets | undefined> {
  return await asOwner(ownerDatabaseUrl, async (transaction) => {
    await sql`select pg_advisory_xact_lock(${FIRST_ORGANIZATION_LOCK})`.execute(transaction)
    const existing = await transaction.selectFrom('organizations').select('id').limit(1).executeTakeFirst()
    if (existing !== undefined) return undefined
    const { apiKey, operatorPassword } = await insertOrganization(transaction, {
      name: 'Default',
      operator: 'operator',
    })
    return operatorPassword === undefined ? undefined : { apiKey, operatorPassword }
  })
}
