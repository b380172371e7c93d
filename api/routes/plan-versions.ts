import Type from 'typebox'
import { draftVersion, publishDraft } from '../../db/catalogue/change-plan.ts'
import { listVersions, requireVersion } from '../../db/catalogue/plan-versions.ts'
import { requirePlan } from '../../db/catalogue/plans.ts'
import { inOrganization, type Routes } from '../context.ts'
import { PAGE_QUERY, pageAnswer, pageRequest } from '../paging.ts'
import { Code, failures, ListOf } from '../schemas/common.ts'
import { PlanVersionAnswer, PlanVersionCreate } from '../schemas/plan.ts'
import { changedTerms } from '../schemas/plan-request.ts'
import { versionView } from '../schemas/plan-view.ts'

const ByCode = Type.Object({ code: Code })
const ByNumber = Type.Object({ code: Code, version: Type.Integer({ minimum: 1, maximum: 2_147_483_647 }) })

/** The terms of a plan as they were, are, and may become. */
export const planVersionRoutes: Routes = async (server, { context }) => {
  const within = inOrganization(context)

  server.post(
    '/plans/:code/versions',
    {
      schema: {
        operationId: 'draftPlanVersion',
        summary: 'Draft a version',
        description:
          'It starts from the terms that are sold: what is left out stays. Nobody gets it before it is published.',
        tags: ['Plans'],
        params: ByCode,
        body: PlanVersionCreate,
        response: {
          201: PlanVersionAnswer,
          ...failures('plan_not_found', 'plan_archived', 'invalid_reference'),
        },
      },
    },
    async (request, reply) => {
      const { code } = request.params
      const { plan, version } = await within(request, (transaction, id) =>
        draftVersion(transaction, id, { code, terms: (sold) => changedTerms(sold, request.body) }),
      )
      return reply.code(201).send(versionView(plan, version))
    },
  )

  server.get(
    '/plans/:code/versions',
    {
      schema: {
        operationId: 'listPlanVersions',
        summary: 'List the versions of a plan',
        description: 'Drafts included, newest first.',
        tags: ['Plans'],
        params: ByCode,
        querystring: Type.Object(PAGE_QUERY),
        response: { 200: ListOf('PlanVersionList', PlanVersionAnswer), ...failures('plan_not_found') },
      },
    },
    (request) => {
      const page = pageRequest(request.query)
      return within(request, async (transaction, organizationId) => {
        const plan = await requirePlan(transaction, organizationId, request.params.code)
        const versions = await listVersions(transaction, { organizationId, planId: plan.id }, page)
        return pageAnswer(versions, (version) => versionView(plan, version))
      })
    },
  )

  server.get(
    '/plans/:code/versions/:version',
    {
      schema: {
        operationId: 'getPlanVersion',
        summary: 'Retrieve a version of a plan',
        tags: ['Plans'],
        params: ByNumber,
        response: { 200: PlanVersionAnswer, ...failures('plan_not_found', 'plan_version_not_found') },
      },
    },
    (request) =>
      within(request, async (transaction, organizationId) => {
        const plan = await requirePlan(transaction, organizationId, request.params.code)
        const ofPlan = { organizationId, planId: plan.id }
        return versionView(plan, await requireVersion(transaction, ofPlan, request.params.version))
      }),
  )

  server.post(
    '/plans/:code/versions/:version/publish',
    {
      schema: {
        operationId: 'publishPlanVersion',
        summary: 'Publish a draft',
        description:
          'New subscriptions get it from now on; those that run keep theirs. Of a version that was published before nothing changes.',
        tags: ['Plans'],
        params: ByNumber,
        response: { 200: PlanVersionAnswer, ...failures('plan_not_found', 'plan_version_not_found', 'plan_archived') },
      },
    },
    async (request) => {
      const { plan, version } = await within(request, (transaction, id) =>
        publishDraft(transaction, id, request.params),
      )
      return versionView(plan, version)
    },
  )
}
