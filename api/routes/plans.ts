import Type from 'typebox'
import { findBillableMetrics } from '../../db/catalogue/billable-metrics.ts'
import { archivePlan, insertPlan, listPlans, type Plan, requirePlan } from '../../db/catalogue/plans.ts'
import type { OrganizationTransaction } from '../../db/connection.ts'
import { definePlan, type PlanRequest } from '../../shared/plans/define-plan.ts'
import { inOrganization, type Routes } from '../context.ts'
import { PAGE_QUERY, pageAnswer, pageRequest } from '../paging.ts'
import { Code, failures, jsonInteger, ListOf } from '../schemas/common.ts'
import { PlanCreate, PlanResponse } from '../schemas/plan.ts'

const ByCode = Type.Object({ code: Code })

/** What is sold, and for how much. */
export const planRoutes: Routes = async (server, { context }) => {
  const within = inOrganization(context)

  server.post(
    '/plans/',
    {
      schema: {
        operationId: 'createPlan',
        summary: 'Create plan',
        description: 'Create a new plan.',
        tags: ['Plans'],
        body: PlanCreate,
        response: { 201: PlanResponse, ...failures('plan_exists', 'invalid_reference') },
      },
    },
    async (request, reply) => {
      const plan = planRequestOf(request.body)
      const created = await within(request, (transaction, id) => createPlan(transaction, id, plan))
      return reply.code(201).send(view(created))
    },
  )

  server.get(
    '/plans/',
    {
      schema: {
        operationId: 'listPlans',
        summary: 'List plans',
        description: 'Archived plans are left out.',
        tags: ['Plans'],
        querystring: Type.Object(PAGE_QUERY),
        response: { 200: ListOf('PlanList', PlanResponse), ...failures() },
      },
    },
    (request) => {
      const page = pageRequest(request.query)
      return within(request, async (transaction, id) => pageAnswer(await listPlans(transaction, id, page), view))
    },
  )

  server.get(
    '/plans/:code',
    {
      schema: {
        operationId: 'getPlan',
        summary: 'Retrieve a plan',
        tags: ['Plans'],
        params: ByCode,
        response: { 200: PlanResponse, ...failures('plan_not_found') },
      },
    },
    (request) =>
      within(request, async (transaction, id) => view(await requirePlan(transaction, id, request.params.code))),
  )

  server.delete(
    '/plans/:code',
    {
      schema: {
        operationId: 'archivePlan',
        summary: 'Archive a plan',
        description: 'It takes no new subscriptions; those it has go on. Its code stays taken.',
        tags: ['Plans'],
        params: ByCode,
        response: { 204: Type.Null({ description: 'Archived' }), ...failures('plan_not_found') },
      },
    },
    async (request, reply) => {
      await within(request, (transaction, id) => archivePlan(transaction, id, request.params.code))
      return reply.code(204).send(null)
    },
  )
}

async function createPlan(
  transaction: OrganizationTransaction,
  organizationId: number,
  request: PlanRequest,
): Promise<Plan> {
  const ids = request.charges.map((charge) => charge.billableMetricId)
  const metrics = await findBillableMetrics(transaction, organizationId, ids)
  const definition = definePlan(request, new Map(metrics.map((metric) => [metric.id, metric.name])))
  return await insertPlan(transaction, organizationId, definition)
}

function planRequestOf(body: Type.Static<typeof PlanCreate>): PlanRequest {
  return {
    code: body.code,
    name: body.name,
    description: body.description ?? null,
    interval: body.interval,
    amountMinor: BigInt(body.amount_cents ?? 0),
    currency: body.currency ?? 'USD',
    trialPeriodDays: body.trial_period_days ?? 0,
    payInAdvance: body.pay_in_advance ?? false,
    charges: (body.charges ?? []).map((charge) => ({
      billableMetricId: charge.billable_metric_id,
      chargeModel: charge.charge_model,
      properties: charge.properties ?? {},
      filterIds: (charge.filters ?? []).map((filter) => filter.billable_metric_filter_id),
      displayName: charge.invoice_display_name ?? null,
    })),
  }
}

// The fields of the plan are a view: its fixed fee is one component, each charge another.
function view(plan: Plan) {
  const fee = plan.components.find((component) => component.kind === 'rate')
  return {
    id: plan.id,
    code: plan.code,
    name: plan.name,
    description: plan.description,
    interval: plan.interval,
    amount_cents: jsonInteger(fee?.amountMinor ?? '0'),
    currency: plan.currency,
    trial_period_days: plan.trialPeriodDays,
    charges: plan.components.flatMap(({ id, billableMetricId, chargeModel, properties, createdAt, updatedAt }) =>
      billableMetricId === null
        ? []
        : [
            {
              id,
              plan_id: plan.id,
              billable_metric_id: billableMetricId,
              charge_model: chargeModel as 'standard',
              properties,
              created_at: createdAt.toString(),
              updated_at: updatedAt.toString(),
            },
          ],
    ),
    created_at: plan.createdAt.toString(),
    updated_at: plan.updatedAt.toString(),
  }
}
