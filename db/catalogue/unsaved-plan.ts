import { randomUUID } from 'node:crypto'
import { sql } from 'kysely'
import { definePlan } from '../../shared/plans/define-plan.ts'
import type { PlanRequest } from '../../shared/plans/plan-request.ts'
import type { OrganizationTransaction } from '../connection.ts'
import { findChargeableMetrics } from './chargeable-metrics.ts'
import { insertPlan, type Plan } from './plans.ts'

/**
 * Does work with a plan as if it had been created, by the very code that reads created ones; nothing of it, nor of what
 * the work writes, remains. Its code may be taken.
 */
export async function withUnsavedPlan<Result>(
  transaction: OrganizationTransaction,
  organizationId: number,
  { request, work }: { request: PlanRequest; work: (plan: Plan) => Promise<Result> },
): Promise<Result> {
  await sql`savepoint unsaved_plan`.execute(transaction)
  const metrics = await findChargeableMetrics(transaction, organizationId, request.charges)
  const definition = definePlan({ ...request, code: randomUUID() }, metrics)
  const plan = await insertPlan(transaction, organizationId, definition)
  const result = await work({ ...plan, code: request.code })
  await sql`rollback to savepoint unsaved_plan`.execute(transaction)
  return result
}
