import { sql } from 'kysely'
import { assert } from '../../shared/errors.ts'
import type { OrganizationTransaction } from '../connection.ts'

/** Gives agents that nobody has named before their rows. */
export async function nameAgents(
  transaction: OrganizationTransaction,
  organizationId: number,
  externalIds: readonly string[],
): Promise<void> {
  if (externalIds.length === 0) return
  await sql`
    insert into agents (organization_id, external_id)
    select ${organizationId}, named.external_id from unnest(${externalIds}::text[]) as named (external_id)
    where not exists (select from agents known
      where known.organization_id = ${organizationId} and known.external_id = named.external_id)
    order by 2
    on conflict do nothing`.execute(transaction)
}

/** The key of an agent, named now if it was not before. No other transaction gives it a product until this one ends. */
export async function lockAgent(
  transaction: OrganizationTransaction,
  organizationId: number,
  externalId: string,
): Promise<number> {
  await nameAgents(transaction, organizationId, [externalId])
  const agent = await transaction
    .selectFrom('agents')
    .select('agentId')
    .where('organizationId', '=', organizationId)
    .where('externalId', '=', externalId)
    .forNoKeyUpdate()
    .executeTakeFirst()
  assert(agent !== undefined, `agent "${externalId}" is gone while it is being named`)
  return agent.agentId
}

/** The key of an agent that somebody has named. */
export async function findAgentKey(
  transaction: OrganizationTransaction,
  organizationId: number,
  externalId: string,
): Promise<number | undefined> {
  const agent = await transaction
    .selectFrom('agents')
    .select('agentId')
    .where('organizationId', '=', organizationId)
    .where('externalId', '=', externalId)
    .executeTakeFirst()
  return agent?.agentId
}
