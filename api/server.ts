import { randomUUID } from 'node:crypto'
import type { TypeBoxTypeProvider } from '@fastify/type-provider-typebox'
import Fastify, { type FastifyBaseLogger, type FastifyInstance, LogController } from 'fastify'
import { agentStoreRoutes } from './agent-store/routes.ts'
import { Authenticator } from './auth.ts'
import { registerJsonBody } from './body.ts'
import { registerContentCodings } from './compressed-body.ts'
import type { ApiContext, Routes } from './context.ts'
import { answerFrameworkError, registerErrors } from './errors.ts'
import { registerRequestLog } from './log.ts'
import { registerDocumentation, registerOpenApi } from './openapi.ts'
import { registerOperatorPages } from './operators/operator-pages.ts'
import { apiKeyRoutes } from './routes/api-keys.ts'
import { billableMetricFilterRoutes } from './routes/billable-metric-filters.ts'
import { billableMetricRoutes } from './routes/billable-metrics.ts'
import { creditNoteRoutes } from './routes/credit-notes.ts'
import { currentUsageRoutes } from './routes/current-usage.ts'
import { customerRoutes } from './routes/customers.ts'
import { eventBatchRoutes } from './routes/event-batches.ts'
import { eventCorrectionRoutes } from './routes/event-corrections.ts'
import { eventListRoutes } from './routes/event-lists.ts'
import { eventProducerRoutes } from './routes/event-producers.ts'
import { eventRoutes } from './routes/events.ts'
import { feeEstimateRoutes } from './routes/fee-estimates.ts'
import { healthRoutes } from './routes/health.ts'
import { invoiceRoutes } from './routes/invoices.ts'
import { issuerRoutes } from './routes/issuers.ts'
import { metricExpressionRoutes } from './routes/metric-expressions.ts'
import { organizationRoutes } from './routes/organization.ts'
import { pastUsageRoutes } from './routes/past-usage.ts'
import { planSimulationRoutes } from './routes/plan-simulations.ts'
import { planVersionRoutes } from './routes/plan-versions.ts'
import { planRoutes } from './routes/plans.ts'
import { subscriptionRoutes } from './routes/subscriptions.ts'
import { testClockRoutes } from './routes/test-clocks.ts'
import { transactionRoutes } from './routes/transactions.ts'
import { unprocessedEventRoutes } from './routes/unprocessed-events.ts'
import { usageRoutes } from './routes/usage.ts'
import { webhookEndpointRoutes } from './routes/webhook-endpoints.ts'
import { webhookMessageRoutes } from './routes/webhook-messages.ts'
import { answerParserError, refuseExpectations } from './unread-requests.ts'
import { refuseUnknownQueries, validatorCompiler } from './validation.ts'

const ROUTES: readonly Routes[] = [
  organizationRoutes,
  issuerRoutes,
  apiKeyRoutes,
  billableMetricRoutes,
  billableMetricFilterRoutes,
  metricExpressionRoutes,
  planRoutes,
  planSimulationRoutes,
  planVersionRoutes,
  customerRoutes,
  subscriptionRoutes,
  currentUsageRoutes,
  pastUsageRoutes,
  eventRoutes,
  eventBatchRoutes,
  feeEstimateRoutes,
  eventListRoutes,
  eventCorrectionRoutes,
  eventProducerRoutes,
  usageRoutes,
  unprocessedEventRoutes,
  invoiceRoutes,
  creditNoteRoutes,
  agentStoreRoutes,
  transactionRoutes,
  testClockRoutes,
  webhookEndpointRoutes,
  webhookMessageRoutes,
]

/** The whole HTTP surface, not listening yet. */
export async function createServer(context: ApiContext, logger: FastifyBaseLogger): Promise<FastifyInstance> {
  const server = Fastify({
    loggerInstance: logger,
    // One line per request of our own instead of the framework's two.
    logController: new LogController({ disableRequestLogging: true }),
    routerOptions: { ignoreTrailingSlash: true, maxParamLength: 1_000 },
    requestIdHeader: false,
    frameworkErrors: answerFrameworkError,
    clientErrorHandler: answerParserError,
    genReqId: () => randomUUID(),
    // Idle connections are closed at once when the server stops, busy ones when they have their answer.
    forceCloseConnections: 'idle',
  }).withTypeProvider<TypeBoxTypeProvider>()
  server.setValidatorCompiler(validatorCompiler)
  // Answers are written as they are: long numbers keep their digits.
  server.setSerializerCompiler(() => (answer) => JSON.stringify(answer))
  server.decorateRequest('organizationId', 0)
  server.decorateRequest('keyCustomerId', null)
  server.decorateRequest('apiKeyId', '')
  registerErrors(server)
  refuseExpectations(server)
  registerJsonBody(server, context.bodies)
  registerContentCodings(server)
  registerRequestLog(server)
  await registerOpenApi(server)
  await server.register(healthRoutes, { context })
  await server.register((scope, _options, done) => registerKeyedRoutes(scope, context, done), { prefix: '/v1' })
  registerDocumentation(server)
  await registerOperatorPages(server, context)
  return server
}

function registerKeyedRoutes(scope: FastifyInstance, context: ApiContext, done: () => void): void {
  const authenticator = new Authenticator(context.connection)
  scope.addHook('onRequest', (request) => authenticator.authenticate(request))
  scope.addHook('onRoute', refuseUnknownQueries)
  for (const routes of ROUTES) void scope.register(routes, { context })
  done()
}
