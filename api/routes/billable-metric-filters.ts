import Type from 'typebox'
import {
  type BillableMetricFilter,
  insertBillableMetricFilter,
  listBillableMetricFilters,
  requireBillableMetricFilter,
} from '../../db/catalogue/billable-metric-filters.ts'
import { requireBillableMetric } from '../../db/catalogue/billable-metrics.ts'
import { type Issue, validationError } from '../../shared/errors.ts'
import { isFieldName } from '../../shared/metering/property.ts'
import { inOrganization, type Routes } from '../context.ts'
import { PAGE_QUERY, pageAnswer, pageRequest } from '../paging.ts'
import { Code, failures, Input, ListOf, Output, Time, Uuid } from '../schemas/common.ts'

const FilterCreate = Input(
  'BillableMetricFilterCreate',
  {
    key: Type.String({
      minLength: 1,
      maxLength: 255,
      description: 'The event property that tells usage apart; a dotted path reaches into objects.',
    }),
    values: Type.Array(Type.String({ minLength: 1, maxLength: 255 }), {
      minItems: 1,
      maxItems: 1_000,
      description: 'The values that charges may price apart.',
    }),
  },
  { examples: [{ key: 'region', values: ['eu', 'us'] }] },
)

const FilterAnswer = Output('BillableMetricFilter', {
  id: Uuid,
  billable_metric_id: Uuid,
  key: Type.String(),
  values: Type.Array(Type.String()),
  created_at: Time,
  updated_at: Time,
})

const ByCode = Type.Object({ code: Code })

/** The properties by whose values a metric's usage may cost different prices. */
export const billableMetricFilterRoutes: Routes = async (server, { context }) => {
  const within = inOrganization(context)

  server.post(
    '/billable_metrics/:code/filters',
    {
      schema: {
        operationId: 'createBillableMetricFilter',
        summary: 'Create a filter',
        tags: ['Billable metrics'],
        params: ByCode,
        body: FilterCreate,
        response: {
          201: FilterAnswer,
          ...failures('billable_metric_not_found', 'billable_metric_filter_exists'),
        },
      },
    },
    async (request, reply) => {
      const { key, values } = request.body
      requirePlainFilter(key, values)
      const filter = await within(request, async (transaction, id) => {
        const metric = await requireBillableMetric(transaction, id, request.params.code)
        return await insertBillableMetricFilter(transaction, id, { metric, key, values })
      })
      return reply.code(201).send(view(filter))
    },
  )

  server.get(
    '/billable_metrics/:code/filters',
    {
      schema: {
        operationId: 'listBillableMetricFilters',
        summary: 'List the filters of a metric',
        tags: ['Billable metrics'],
        params: ByCode,
        querystring: Type.Object(PAGE_QUERY),
        response: {
          200: ListOf('BillableMetricFilterList', FilterAnswer),
          ...failures('billable_metric_not_found'),
        },
      },
    },
    (request) => {
      const page = pageRequest(request.query)
      return within(request, async (transaction, id) => {
        const metric = await requireBillableMetric(transaction, id, request.params.code)
        return pageAnswer(await listBillableMetricFilters(transaction, id, { metric, ...page }), view)
      })
    },
  )

  server.get(
    '/billable_metrics/:code/filters/:id',
    {
      schema: {
        operationId: 'getBillableMetricFilter',
        summary: 'Retrieve a filter',
        tags: ['Billable metrics'],
        params: Type.Object({ code: Code, id: Uuid }),
        response: {
          200: FilterAnswer,
          ...failures('billable_metric_not_found', 'billable_metric_filter_not_found'),
        },
      },
    },
    (request) =>
      within(request, async (transaction, id) => {
        const metric = await requireBillableMetric(transaction, id, request.params.code)
        return view(await requireBillableMetricFilter(transaction, id, { metric, filterId: request.params.id }))
      }),
  )
}

function requirePlainFilter(key: string, values: readonly string[]): void {
  const issues: Issue[] = values.flatMap((value, index) =>
    values.indexOf(value) === index
      ? []
      : [{ loc: ['body', 'values', index], msg: `"${value}" is given twice`, type: 'duplicate_item' }],
  )
  if (!isFieldName(key)) {
    issues.push({
      loc: ['body', 'key'],
      msg: 'must be a name or a dotted path such as usage.region',
      type: 'field_path',
    })
  }
  if (issues.length > 0) throw validationError(issues)
}

function view(filter: BillableMetricFilter) {
  return {
    id: filter.id,
    billable_metric_id: filter.billableMetricId,
    key: filter.key,
    values: filter.allowedValues,
    created_at: filter.createdAt.toString(),
    updated_at: filter.updatedAt.toString(),
  }
}
