import { createHash } from 'node:crypto'
import { sql } from 'kysely'
import type { Connection } from '../connection.ts'

/** Whom a key speaks for. */
export interface KeyHolder {
  readonly apiKeyId: string
  readonly organizationId: number
}

/** What is stored of a key; its 190 bits of chance need no slow hash. */
export function hashApiKey(secret: string): Buffer {
  return createHash('sha256').update(secret).digest()
}

/** The holder of a key that is not revoked. Runs before the organization is known. */
export async function findApiKey(connection: Connection, keyHash: Buffer): Promise<KeyHolder | undefined> {
  const { rows } = await sql<{ id: string; organizationId: number }>`
    select id, organization_id from find_api_key(${keyHash})`.execute(connection)
  return rows[0] && { apiKeyId: rows[0].id, organizationId: rows[0].organizationId }
}
