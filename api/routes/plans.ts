import Type from 'typebox'
import { changePlan, createPlan } from '../../db/catalogue/change-plan.ts'
import { archivePlan, listPlans, requirePlan } from '../../db/catalogue/plans.ts'
import { validationError } from '../../shared/errors.ts'
import type { PlanTerms } from '../../shared/plans/plan-request.ts'
import { inOrganization, type Routes } from '../context.ts'
import { PAGE_QUERY, pageAnswer, pageRequest } from '../paging.ts'
import { Code, failures, ListOf } from '../schemas/common.ts'
import { PlanCreate, PlanPatch, PlanReplace, PlanResponse } from '../schemas/plan.ts'
import { changedTerms, planRequestOf } from '../schemas/plan-request.ts'
import { planView } from '../schemas/plan-view.ts'

const ByCode = Type.Object({ code: Code })

const CHANGED = { 200: PlanResponse, ...failures('plan_not_found', 'plan_archived', 'invalid_reference') }

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
      return reply.code(201).send(planView(created))
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
      return within(request, async (transaction, id) => pageAnswer(await listPlans(transaction, id, page), planView))
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
      within(request, async (transaction, id) => planView(await requirePlan(transaction, id, request.params.code))),
  )

  server.patch(
    '/plans/:code',
    {
      schema: {
        operationId: 'updatePlan',
        summary: 'Update a plan',
        description:
          'What is left out stays. Other terms than those sold become a new version, published at once; subscriptions that run keep theirs.',
        tags: ['Plans'],
        params: ByCode,
        body: PlanPatch,
        response: CHANGED,
      },
    },
    (request) => {
      const { code } = request.params
      const { name, description, late_usage: lateUsage, ...terms } = request.body
      requireSameCode(code, terms.code)
      const change = { name, description, lateUsage, terms: (sold: PlanTerms) => changedTerms(sold, terms) }
      return within(request, async (transaction, id) => planView(await changePlan(transaction, id, code, change)))
    },
  )

  server.put(
    '/plans/:code',
    {
      schema: {
        operationId: 'replacePlan',
        summary: 'Replace a plan',
        description: 'As an update, but what is left out gets its default.',
        tags: ['Plans'],
        params: ByCode,
        body: PlanReplace,
        response: CHANGED,
      },
    },
    (request) => {
      const { code } = request.params
      requireSameCode(code, request.body.code)
      const { code: _same, name, description, lateUsage, ...terms } = planRequestOf({ ...request.body, code })
      return within(request, async (transaction, id) =>
        planView(await changePlan(transaction, id, code, { name, description, lateUsage, terms: () => terms })),
      )
    },
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

function requireSameCode(code: string, sent: string | undefined): void {
  if (sent === undefined || sent === code) return
  const msg = `a code never changes; leave it out or send "${code}"`
  throw validationError([{ loc: ['body', 'code'], msg, type: 'immutable' }])
}
