import { sql } from 'kysely'
import type { Connection } from '../connection.ts'

/** Somebody who may look into the machinery. */
export interface Operator {
  readonly id: string
  readonly organizationId: number
  readonly passwordHash: string
}

/** The operator of a name. Runs before the organization is known. */
export async function findOperator(connection: Connection, username: string): Promise<Operator | undefined> {
  const { rows } = await sql<Operator>`
    select id, organization_id, password_hash from find_operator(${username})`.execute(connection)
  return rows[0]
}
