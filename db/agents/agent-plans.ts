import type { INTERVALS } from '../../shared/calendar/interval.ts'
import { AppError } from '../../shared/errors.ts'
import { definePlan } from '../../shared/plans/define-plan.ts'
import { insertPlan, type Plan, requirePlan } from '../catalogue/plans.ts'
import type { OrganizationTransaction } from '../connection.ts'
import { joinedCode } from './joined-code.ts'

/** How an agent's product is billed. */
export interface AgentPlanTerms {
  readonly externalAgentId: string
  readonly interval: (typeof INTERVALS)[number]
  readonly currency: string
  /** The list price per period, in minor units; subscriptions may have prices of their own. */
  readonly amountMinor: bigint
}

/**
 * The product of a locked agent for one interval: a fixed fee paid in advance, created when it is first asked for.
 * Throws `plan_exists` when its code is taken by a plan that is no agent's.
 */
export async function ensureAgentPlan(
  transaction: OrganizationTransaction,
  organizationId: number,
  { agentId, externalAgentId, interval, currency, amountMinor }: AgentPlanTerms & { readonly agentId: number },
): Promise<Plan> {
  const code = joinedCode('agent', [externalAgentId, interval])
  const existing = await transaction
    .selectFrom('plans')
    .select('agentId')
    .where('organizationId', '=', organizationId)
    .where('code', '=', code)
    .executeTakeFirst()
  if (existing !== undefined && existing.agentId !== agentId) {
    throw new AppError('plan_exists', `the code "${code}" of the agent's product is taken by another plan`)
  }
  if (existing !== undefined) return await requirePlan(transaction, organizationId, code)
  const request = {
    code,
    name: `${externalAgentId}, ${interval}`,
    description: null,
    lateUsage: null,
    interval,
    intervalName: interval,
    amountMinor,
    currency,
    trialPeriodDays: 0,
    trialKind: 'free' as const,
    trialUsage: 'billed' as const,
    payInAdvance: true,
    charges: [],
  }
  const plan = await insertPlan(transaction, organizationId, definePlan(request, new Map()))
  await transaction.updateTable('plans').set({ agentId }).where('id', '=', plan.id).execute()
  return plan
}
