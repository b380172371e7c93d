import Type from 'typebox'
import { listPlanComponents } from '../../db/billing/plan-components.ts'
import { requireOrganization } from '../../db/catalogue/organization.ts'
import { type Plan, requirePlan } from '../../db/catalogue/plans.ts'
import { withUnsavedPlan } from '../../db/catalogue/unsaved-plan.ts'
import { organizationNow } from '../../db/clock.ts'
import type { OrganizationTransaction } from '../../db/connection.ts'
import { type Issue, validationError } from '../../shared/errors.ts'
import { simulateCurve } from '../../shared/plans/simulate-curve.ts'
import { planSimulator } from '../../shared/plans/simulate-plan.ts'
import { inOrganization, type Routes } from '../context.ts'
import { Code, failures, jsonInteger } from '../schemas/common.ts'
import { ratedLineView } from '../schemas/line.ts'
import { planRequestOf } from '../schemas/plan-request.ts'
import {
  curvePointView,
  PlanSimulate,
  PlanSimulationAnswer,
  readSimulatedUsage,
  type SimulatedUsage,
  UnsavedPlanSimulate,
} from '../schemas/plan-simulation.ts'

/** What a plan would cost; nothing is written. */
export const planSimulationRoutes: Routes = async (server, { context }) => {
  const within = inOrganization(context)

  server.post(
    '/plans/:code/simulate',
    {
      schema: {
        operationId: 'simulatePlan',
        summary: 'Price a whole period of a plan',
        description: 'By the same engine that prices invoices.',
        tags: ['Plans'],
        params: Type.Object({ code: Code }),
        body: PlanSimulate,
        response: { 200: PlanSimulationAnswer, ...failures('plan_not_found', 'price_too_large') },
      },
    },
    (request) => {
      const usage = readSimulatedUsage(request.body)
      return within(request, async (transaction, id) =>
        simulate(transaction, id, await requirePlan(transaction, id, request.params.code), usage),
      )
    },
  )

  server.post(
    '/plans/simulate',
    {
      schema: {
        operationId: 'simulateUnsavedPlan',
        summary: 'Price a whole period of a plan that is not created',
        description:
          'Its fields are those of a creation; its charges are named by metric code, since they have no ids.',
        tags: ['Plans'],
        body: UnsavedPlanSimulate,
        response: { 200: PlanSimulationAnswer, ...failures('invalid_reference', 'price_too_large') },
      },
    },
    (request) => {
      const usage = readSimulatedUsage(request.body)
      const plan = planRequestOf(request.body)
      return within(request, async (transaction, id) =>
        withoutChargeIds(
          await withUnsavedPlan(transaction, id, {
            request: plan,
            work: (created) => simulate(transaction, id, created, usage),
          }),
        ),
      )
    },
  )
}

async function simulate(
  transaction: OrganizationTransaction,
  organizationId: number,
  plan: Plan,
  { units, events, range }: SimulatedUsage,
) {
  requireKnown(plan, { units, events })
  const componentId = range && requireCharge(plan, range.charge)
  const { timeZone } = await requireOrganization(transaction, organizationId)
  const versions = await listPlanComponents(transaction, organizationId, [plan.versionId])
  const simulated = {
    currency: plan.currency,
    interval: plan.interval,
    timeZone,
    now: await organizationNow(transaction, organizationId),
    components: (versions.get(plan.versionId) ?? []).map(({ component }) => component),
  }
  const { lines, totals } = planSimulator(simulated)({ units, events })
  const curve =
    componentId === undefined || range === undefined ? null : simulateCurve(simulated, { componentId, range })
  const chargeModels = new Map(plan.components.map(({ id, chargeModel }) => [id, chargeModel]))
  return {
    plan_code: plan.code,
    currency: plan.currency,
    lines: lines.map((line) => ratedLineView(line, chargeModels)),
    subtotal_cents: jsonInteger(totals.subtotalMinor),
    total_cents: jsonInteger(totals.totalMinor),
    curve: curve?.map(curvePointView) ?? null,
  }
}

function withoutChargeIds(answer: Awaited<ReturnType<typeof simulate>>) {
  return { ...answer, lines: answer.lines.map((line) => ({ ...line, charge_id: null })) }
}

function requireKnown(plan: Plan, usage: Pick<SimulatedUsage, 'units' | 'events'>): void {
  const known = new Set(
    plan.components.flatMap(({ id, billableMetricCode, filters }) => [
      id,
      billableMetricCode,
      ...filters.map((filter) => filter.id),
    ]),
  )
  const issues = (['units', 'events'] as const).flatMap((field) =>
    [...usage[field].keys()].filter((key) => !known.has(key)).map((key) => unknownCharge(['body', field, key])),
  )
  if (issues.length > 0) throw validationError(issues)
}

function requireCharge({ components }: Plan, charge: string): string {
  const charges = components.filter(({ billableMetricId }) => billableMetricId !== null)
  const found =
    charges.find(({ id }) => id === charge) ?? charges.find(({ billableMetricCode }) => billableMetricCode === charge)
  if (found === undefined) throw validationError([unknownCharge(['body', 'range', 'charge'])])
  return found.id
}

function unknownCharge(loc: Issue['loc']): Issue {
  return { loc, msg: 'is no metric, charge or charge filter of the plan', type: 'unknown_charge' }
}
