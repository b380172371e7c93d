import type { FastifyReply } from 'fastify'
import Type from 'typebox'
import { findRebuildProgress, type RebuildProgress } from '../../db/usage/rebuild-progress.ts'
import { reportUsage } from '../../db/usage/report/report-usage.ts'
import type { UsageReportRow } from '../../db/usage/report/usage-report.ts'
import { inOrganization, type Routes } from '../context.ts'
import { failures, jsonInteger } from '../schemas/common.ts'
import { rebuildingView, UsageAnswer, UsageQuery } from '../schemas/usage.ts'
import { asksForCsv, csvText } from '../usage/csv.ts'
import { foldUsageQuery } from '../usage/fold-usage-query.ts'
import { loadUsageRequest, type ReadUsageQuery, readUsageQuery } from '../usage/read-usage-query.ts'

/** How much was used. */
export const usageRoutes: Routes = async (server, { context }) => {
  const within = inOrganization(context)

  server.get(
    '/usage',
    {
      preValidation: (request, _reply, done) => {
        request.query = foldUsageQuery(request.query) as typeof request.query
        done()
      },
      schema: {
        operationId: 'getUsage',
        summary: 'Report the usage of a metric',
        description:
          'Units by window of time and group, of all events counted so far. Windows and groups without usage are left ' +
          'out. At most 10,000 rows; what is larger is refused with `usage_report_too_large`.',
        tags: ['Usage'],
        querystring: UsageQuery,
        response: {
          200: {
            content: { 'application/json': { schema: UsageAnswer }, 'text/csv': { schema: Type.String() } },
          },
          ...failures('billable_metric_not_found', 'usage_report_too_large'),
        },
      },
    },
    async (request, reply) => {
      const query = readUsageQuery(request.query, request.keyCustomerId)
      const answer = await within(request, async (transaction, id) => {
        const { report, timeZone } = await loadUsageRequest(transaction, id, query)
        const rebuilding = await findRebuildProgress(transaction, id, report.metric.id)
        return { query, timeZone, rebuilding, rows: await reportUsage(transaction, id, report) }
      })
      return asksForCsv(request) ? sendCsv(reply, answer) : reply.send(view(answer))
    },
  )
}

interface UsageAnswered {
  readonly query: ReadUsageQuery
  readonly timeZone: string
  readonly rebuilding: RebuildProgress | undefined
  readonly rows: readonly UsageReportRow[]
}

function view({ query, timeZone, rebuilding, rows }: UsageAnswered) {
  return {
    billable_metric_code: query.billableMetricCode,
    from: query.from?.toString() ?? null,
    to: query.to?.toString() ?? null,
    window: query.window,
    time_zone: timeZone,
    rebuilding: rebuildingView(rebuilding),
    data: rows.map((row) => ({
      window_start: row.start.toString(),
      window_end: row.end.toString(),
      external_customer_id: row.externalCustomerId,
      external_subscription_id: row.externalSubscriptionId,
      groups: Object.fromEntries(query.grouping.properties.map((name, index) => [name, row.groups[index] ?? ''])),
      units: row.units.toFixed(),
      events_count: jsonInteger(row.eventsCount),
    })),
  }
}

function sendCsv(reply: FastifyReply, { query: { grouping }, rebuilding, rows }: UsageAnswered): FastifyReply {
  const header = [
    'window_start',
    'window_end',
    ...(grouping.byCustomer ? ['external_customer_id'] : []),
    ...(grouping.bySubscription ? ['external_subscription_id'] : []),
    ...grouping.properties,
    'units',
    'events_count',
  ]
  const lines = rows.map((row) => [
    row.start.toString(),
    row.end.toString(),
    ...(grouping.byCustomer ? [row.externalCustomerId ?? ''] : []),
    ...(grouping.bySubscription ? [row.externalSubscriptionId ?? ''] : []),
    ...row.groups,
    row.units.toFixed(),
    row.eventsCount.toString(),
  ])
  // A table has no room for it beside its rows.
  if (rebuilding) reply.header('x-rebuilding', `${rebuilding.countedCustomers}/${rebuilding.customers}`)
  return reply
    .type('text/csv; charset=utf-8; header=present')
    .header('content-disposition', 'attachment; filename="usage.csv"')
    .send(csvText([header, ...lines]))
}
