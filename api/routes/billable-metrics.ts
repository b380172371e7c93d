import Type from 'typebox'
import {
  type BillableMetric,
  type BillableMetricDefinition,
  insertBillableMetric,
  listBillableMetrics,
  requireBillableMetric,
} from '../../db/catalogue/billable-metrics.ts'
import { validationError } from '../../shared/errors.ts'
import { decimalOf } from '../../shared/json/exact-json.ts'
import { AGGREGATION_NAMES } from '../../shared/metering/aggregations.ts'
import { metricIssues } from '../../shared/metering/metric-definition.ts'
import { inOrganization, type Routes } from '../context.ts'
import { PAGE_QUERY, pageAnswer, pageRequest } from '../paging.ts'
import { Choice, Code, failures, Input, ListOf, Name, Nullable, Output, Time, Uuid } from '../schemas/common.ts'

const Aggregation = Choice(AGGREGATION_NAMES, {
  title: 'Aggregation',
  description:
    '`count` counts events; `sum`, `avg`, `max`, `min`, `latest` and `percentile` read the number in `field_name`; ' +
    '`weighted_sum` weighs it by the time it lasts; `unique_count` counts distinct values; `custom` computes the units ' +
    'from the events by its `expression`.',
})

const Rounding = Type.Object(
  {
    mode: Choice(['round', 'ceil', 'floor']),
    precision: Type.Optional(
      Type.Integer({ minimum: -15, maximum: 15, description: 'Digits after the point; negative: before it.' }),
    ),
  },
  { title: 'UnitRounding', additionalProperties: false, description: 'How the units of a period are rounded.' },
)

export const ExpressionText = Type.String({
  minLength: 1,
  maxLength: 1_000,
  description:
    'Computes the value of each event in place of `field_name`; for `custom`, the units from all events of the period.',
  examples: ['round(event.properties.cores * event.properties.hours, 2)'],
})

const BillableMetricCreate = Input(
  'BillableMetricCreate',
  {
    code: Code,
    name: Name,
    description: Type.Optional(Nullable(Type.String({ maxLength: 2_000 }))),
    aggregation: Aggregation,
    field_name: Type.Optional(
      Nullable(
        Type.String({
          minLength: 1,
          maxLength: 255,
          description: 'Where the value stands in the properties; a dotted path reaches into objects.',
          examples: ['usage.input_tokens'],
        }),
      ),
    ),
    expression: Type.Optional(Nullable(ExpressionText)),
    event_code: Type.Optional(
      Nullable(
        Type.String({
          minLength: 1,
          maxLength: 255,
          description: 'Which events it reads: those of this code. Its own code when left out.',
        }),
      ),
    ),
    recurring: Type.Optional(
      Type.Boolean({ default: false, description: 'Whether usage is carried over from period to period.' }),
    ),
    rounding: Type.Optional(Nullable(Rounding)),
    percentile: Type.Optional(
      Nullable(Type.Union([Type.Number(), Type.String()], { description: 'From 0 to 100; for `percentile`.' })),
    ),
  },
  {
    examples: [
      {
        code: 'input_tokens',
        name: 'Input tokens',
        aggregation: 'sum',
        field_name: 'usage.input_tokens',
        event_code: 'llm_request',
      },
    ],
  },
)

const BillableMetricAnswer = Output('BillableMetric', {
  id: Uuid,
  code: Code,
  name: Type.String(),
  description: Nullable(Type.String()),
  aggregation: Aggregation,
  field_name: Nullable(Type.String()),
  expression: Nullable(Type.String()),
  event_code: Type.String(),
  recurring: Type.Boolean(),
  rounding: Nullable(Rounding),
  percentile: Nullable(Type.String()),
  created_at: Time,
  updated_at: Time,
})

/** What is counted. */
export const billableMetricRoutes: Routes = async (server, { context }) => {
  const within = inOrganization(context)

  server.post(
    '/billable_metrics',
    {
      schema: {
        operationId: 'createBillableMetric',
        summary: 'Create a billable metric',
        tags: ['Billable metrics'],
        body: BillableMetricCreate,
        response: { 201: BillableMetricAnswer, ...failures('billable_metric_exists') },
      },
    },
    async (request, reply) => {
      const definition = definitionOf(request.body)
      const metric = await within(request, (transaction, id) => insertBillableMetric(transaction, id, definition))
      return reply.code(201).send(view(metric))
    },
  )

  server.get(
    '/billable_metrics',
    {
      schema: {
        operationId: 'listBillableMetrics',
        summary: 'List billable metrics',
        tags: ['Billable metrics'],
        querystring: Type.Object(PAGE_QUERY),
        response: { 200: ListOf('BillableMetricList', BillableMetricAnswer), ...failures() },
      },
    },
    (request) => {
      const page = pageRequest(request.query)
      return within(request, async (transaction, id) =>
        pageAnswer(await listBillableMetrics(transaction, id, page), view),
      )
    },
  )

  server.get(
    '/billable_metrics/:code',
    {
      schema: {
        operationId: 'getBillableMetric',
        summary: 'Retrieve a billable metric',
        tags: ['Billable metrics'],
        params: Type.Object({ code: Code }),
        response: { 200: BillableMetricAnswer, ...failures('billable_metric_not_found') },
      },
    },
    (request) =>
      within(request, async (transaction, id) =>
        view(await requireBillableMetric(transaction, id, request.params.code)),
      ),
  )
}

function definitionOf(body: Type.Static<typeof BillableMetricCreate>): BillableMetricDefinition {
  const fieldName = body.field_name ?? null
  const recurring = body.recurring ?? false
  const { aggregation, percentile, expression = null } = body
  const issues = metricIssues({ aggregation, fieldName, expression, recurring, percentile })
  if (issues.length > 0) throw validationError(issues)
  return {
    code: body.code,
    name: body.name,
    description: body.description ?? null,
    aggregation,
    fieldName,
    expression,
    eventCode: body.event_code ?? body.code,
    recurring,
    roundingMode: body.rounding?.mode ?? null,
    roundingPrecision: body.rounding?.precision ?? 0,
    percentile: decimalOf(percentile)?.toFixed() ?? null,
  }
}

function view(metric: BillableMetric) {
  return {
    id: metric.id,
    code: metric.code,
    name: metric.name,
    description: metric.description,
    aggregation: metric.aggregation,
    field_name: metric.fieldName,
    expression: metric.expression,
    event_code: metric.eventCode,
    recurring: metric.recurring,
    rounding: metric.roundingMode && { mode: metric.roundingMode, precision: metric.roundingPrecision },
    percentile: metric.percentile,
    created_at: metric.createdAt.toString(),
    updated_at: metric.updatedAt.toString(),
  }
}
