import Type from 'typebox'
import {
  type Organization,
  type OrganizationChanges,
  requireOrganization,
  updateOrganization,
} from '../../db/catalogue/organization.ts'
import { LATE_USAGE_POLICIES } from '../../shared/invoicing/late-usage-policy.ts'
import { inOrganization, type Routes } from '../context.ts'
import {
  Choice,
  CurrencyCode,
  failures,
  Input,
  Name,
  Nullable,
  Output,
  Time,
  TimeZoneName,
  Uuid,
} from '../schemas/common.ts'
import { requireCurrencyCode, requireTimeZone } from '../schemas/known-names.ts'

const LATE_USAGE = {
  title: 'LateUsagePolicy',
  description:
    'What becomes of usage that arrives after the invoice of its period is final: lines of the next invoice, a debit or credit note, or it is not counted.',
}

const OrganizationAnswer = Output('Organization', {
  id: Uuid,
  name: Type.String(),
  currency: CurrencyCode,
  time_zone: TimeZoneName,
  late_usage: Choice(LATE_USAGE_POLICIES, LATE_USAGE),
  test_clock: Nullable(Type.String({ format: 'uuid', description: 'The clock it lives on; null is real time.' })),
  created_at: Time,
})

const OrganizationPatch = Input('OrganizationUpdate', {
  name: Type.Optional(Name),
  currency: Type.Optional(CurrencyCode),
  time_zone: Type.Optional(TimeZoneName),
  late_usage: Type.Optional(Choice(LATE_USAGE_POLICIES, LATE_USAGE)),
})

export const organizationRoutes: Routes = async (server, { context }) => {
  const within = inOrganization(context)

  server.get(
    '/organization',
    {
      schema: {
        operationId: 'getOrganization',
        summary: 'Retrieve the organization of the key',
        tags: ['Organization'],
        response: { 200: OrganizationAnswer, ...failures() },
      },
    },
    (request) => within(request, async (transaction, id) => view(await requireOrganization(transaction, id))),
  )

  server.patch(
    '/organization',
    {
      schema: {
        operationId: 'updateOrganization',
        summary: 'Update the organization',
        description:
          'A time zone holds for subscriptions created from now on, `late_usage` for usage that no invoice or note bills yet.',
        tags: ['Organization'],
        body: OrganizationPatch,
        response: { 200: OrganizationAnswer, ...failures() },
      },
    },
    (request) => {
      const changes = changesOf(request.body)
      return within(request, async (transaction, id) => {
        await updateOrganization(transaction, id, changes)
        return view(await requireOrganization(transaction, id))
      })
    },
  )
}

function changesOf({
  name,
  currency,
  time_zone,
  late_usage,
}: Type.Static<typeof OrganizationPatch>): OrganizationChanges {
  return {
    ...(name === undefined ? {} : { name }),
    ...(currency === undefined ? {} : { currency: requireCurrencyCode(currency) }),
    ...(time_zone === undefined ? {} : { timeZone: requireTimeZone(time_zone) }),
    ...(late_usage === undefined ? {} : { lateUsage: late_usage }),
  }
}

function view(organization: Organization) {
  return {
    id: organization.id,
    name: organization.name,
    currency: organization.currency,
    time_zone: organization.timeZone,
    late_usage: organization.lateUsage,
    test_clock: organization.testClockId,
    created_at: organization.createdAt.toString(),
  }
}
