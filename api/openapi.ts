import { readFileSync } from 'node:fs'
import swagger from '@fastify/swagger'
import Fastify, { type FastifyInstance } from 'fastify'
import { withDescribedAnswers } from './described-answers.ts'
import { withNamedSchemas } from './named-schemas.ts'
import { withObjectParameters } from './object-parameters.ts'

const DESCRIPTION = `Tabkeeper meters usage, prices it and issues invoices.

Every request carries an API key: \`Authorization: Bearer tk_…\`. Errors are \`{"detail": …, "code": …}\`; \`code\` is stable.
A refused input answers 422, and \`detail\` lists every fault with its place. Lists are paged: pass \`next_cursor\` as
\`cursor\`. Amounts named \`*_cents\` are integers in the minor unit of their currency; all other decimals are text, exact.
Times are RFC 3339 in UTC.`

const TAGS = [
  ['Events', 'Usage comes in here, and counts once.'],
  ['Billable metrics', 'What is counted, of which events.'],
  ['Usage', 'How much was used, when and by whom.'],
  ['Plans', 'What is sold, and for how much.'],
  ['Customers', 'Who is billed.'],
  ['Subscriptions', 'Who has which plan, since when and until when.'],
  ['Billing', 'The agent store: agents are subscribed to, and money moves by transaction.'],
  ['Invoices', 'What was billed, explained to the last step.'],
  ['Issuers', 'Who sends the invoices: numbers, grace and terms.'],
  ['Organization', 'The tenant of the key.'],
  ['Webhooks', 'What happens, sent to you and signed.'],
  ['Test clocks', 'Time that moves when it is told to.'],
  ['Health', 'For whoever watches the process.'],
] as const

/** Collects the document from the routes that are registered after it. */
export async function registerOpenApi(server: FastifyInstance): Promise<void> {
  await server.register(swagger, {
    openapi: {
      openapi: '3.1.0',
      info: {
        title: 'Tabkeeper',
        version: packageVersion(),
        description: DESCRIPTION,
        license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
      },
      tags: TAGS.map(([name, description]) => ({ name, description })),
      components: {
        securitySchemes: { apiKey: { type: 'http', scheme: 'bearer', description: 'Your API key, tk_…' } },
      },
      security: [{ apiKey: [] }],
    },
    transformObject: (document) =>
      withNamedSchemas(
        withObjectParameters(withDescribedAnswers('openapiObject' in document ? document.openapiObject : {})),
      ) as never,
  })
}

/** Serves the document, and pages that render it. */
export function registerDocumentation(server: FastifyInstance): void {
  server.get('/openapi.json', { schema: { hide: true } }, () => server.swagger())
  let reference: Promise<FastifyInstance> | undefined
  for (const url of ['/docs', '/docs/*']) {
    server.get(url, { schema: { hide: true } }, async (request, reply) => {
      reference ??= openReference()
      const pages = await reference
      reply.hijack()
      pages.routing(request.raw, reply.raw)
    })
  }
}

// A server of its own, because what it serves takes 20 MB of memory: it is loaded when somebody looks at it.
async function openReference(): Promise<FastifyInstance> {
  const { default: scalar } = await import('@scalar/fastify-api-reference')
  const reference = Fastify({ routerOptions: { ignoreTrailingSlash: true } })
  await reference.register(scalar, {
    routePrefix: '/docs',
    logLevel: 'silent',
    configuration: { url: '/openapi.json', pageTitle: 'Tabkeeper API', telemetry: false, withDefaultFonts: false },
  })
  await reference.ready()
  return reference
}

function packageVersion(): string {
  const text = readFileSync(new URL('../package.json', import.meta.url), 'utf8')
  return (JSON.parse(text) as { version: string }).version
}
