import { assert } from '../../shared/errors.ts'
import type { OrganizationTransaction } from '../connection.ts'
import { nameParties } from './name-parties.ts'

/** The key of an agent, named now if it was not before. No other transaction gives it a product until this one ends. */
export async function lockAgent(
  transaction: OrganizationTransaction,
  organizationId: number,
  externalId: string,
): Promise<number> {
  await nameParties(transaction, 'agents', organizationId, [externalId])
  const agent = await selectKey(transaction, organizationId, externalId).forNoKeyUpdate().executeTakeFirst()
  assert(agent !== undefined, `agent "${externalId}" is gone while it is being named`)
  return agent.agentId
}

/** The key of an agent that somebody has named. */
export async function findAgentKey(
  transaction: OrganizationTransaction,
  organizationId: number,
  externalId: string,
): Promise<number | undefined> {
  const agent = await selectKey(transaction, organizationId, externalId).executeTakeFirst()
  return agent?.agentId
}

function selectKey(transaction: OrganizationTransaction, organizationId: number, externalId: string) {
  return transaction
    .selectFrom('agents')
    .select('agentId')
    .where('organizationId', '=', organizationId)
    .where('externalId', '=', externalId)
}
