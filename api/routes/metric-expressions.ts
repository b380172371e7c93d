import Type from 'typebox'
import { type Issue, validationError } from '../../shared/errors.ts'
import type { Unusable } from '../../shared/metering/aggregation.ts'
import { readMetricExpression } from '../../shared/metering/metric-definition.ts'
import { readValue } from '../../shared/metering/metric-expression.ts'
import { parseUsageEvent, type UsageEvent } from '../../shared/metering/usage-event.ts'
import type { Routes } from '../context.ts'
import { unusableText } from '../events/unusable-text.ts'
import { Code, failures, Input, JsonObject, Output } from '../schemas/common.ts'
import { ExpressionText } from './billable-metrics.ts'

const SampleEvent = Input('SampleEvent', {
  code: Type.Optional(Code),
  timestamp: Type.Optional(
    Type.Unsafe<unknown>({ description: 'As in an event; the time of the request when left out.' }),
  ),
  properties: Type.Optional(JsonObject),
})

const ExpressionEvaluation = Input(
  'ExpressionEvaluation',
  { expression: ExpressionText, event: SampleEvent },
  {
    examples: [
      {
        expression: 'round(event.properties.cores * event.properties.hours, 2)',
        event: { code: 'compute', properties: { cores: 4, hours: '1.333' } },
      },
    ],
  },
)

const ExpressionResult = Output('ExpressionResult', {
  value: Type.String({ description: 'A number is an exact decimal.', examples: ['5.33'] }),
})

/** What the expression of a metric makes of an event, before it counts any. */
export const metricExpressionRoutes: Routes = async (server, { context }) => {
  server.post(
    '/billable_metrics/evaluate_expression',
    {
      schema: {
        operationId: 'evaluateExpression',
        summary: 'Evaluate an expression',
        description: 'The value that a metric with this expression would read of the event; nothing is stored.',
        tags: ['Billable metrics'],
        body: ExpressionEvaluation,
        response: { 200: ExpressionResult, ...failures() },
      },
    },
    async (request) => {
      const { expression, event } = request.body
      const { micros } = await context.organizationClock.receivedAt(request.organizationId)
      return { value: evaluate(expression, readSample(event, micros)) }
    },
  )
}

function evaluate(text: string, event: UsageEvent): string {
  const read = readMetricExpression(text, 'value')
  if ('issues' in read) throw validationError(read.issues)
  const result = readValue(read.expression, event)
  if ('reason' in result) throw validationError([issueOf(result)])
  return String(result.value)
}

// What identifies an event plays no part here.
function readSample(event: Type.Static<typeof SampleEvent>, receivedAtMicros: number): UsageEvent {
  const sample = { transaction_id: 'sample', external_customer_id: 'sample', code: 'sample', ...event }
  const result = parseUsageEvent(sample, { loc: ['body', 'event'], receivedAtMicros })
  if ('issues' in result) throw validationError(result.issues)
  return result.event
}

function issueOf(unusable: Unusable): Issue {
  const { field } = unusable.details
  const loc = typeof field === 'string' ? ['body', 'event', ...field.split('.')] : ['body', 'expression']
  return { loc, msg: unusableText(unusable), type: unusable.reason }
}
