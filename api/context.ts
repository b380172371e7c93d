import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import type { FastifyRequest } from 'fastify'
import type { Connection, OrganizationTransaction } from '../db/connection.ts'
import { withOrganization } from '../db/connection.ts'
import type { Producer } from '../queues/producer.ts'
import type { WebhookSettings } from '../shared/webhooks/webhook-settings.ts'
import type { IngestBuffer } from './events/ingest-buffer.ts'
import type { IngestGate } from './events/ingest-gate.ts'
import type { OrganizationClock } from './events/organization-clock.ts'
import type { OpenBodies } from './open-bodies.ts'

/** What every route may use; made once at the start. */
export interface ApiContext {
  readonly connection: Connection
  readonly producer: Producer
  readonly bodies: OpenBodies
  readonly ingestBuffer: IngestBuffer
  readonly ingestGate: IngestGate
  readonly organizationClock: OrganizationClock
  /** Signs the operators' sessions. */
  readonly secret: string
  readonly webhooks: WebhookSettings
}

/** The routes of one resource. */
export type Routes = FastifyPluginAsyncTypebox<{ context: ApiContext }>

/** Work in one transaction for the organization of the request's key. */
export type InOrganization = <Result>(
  request: FastifyRequest,
  work: (transaction: OrganizationTransaction, organizationId: number) => Promise<Result>,
) => Promise<Result>

/** Binds the connection, so that a handler is one call. */
export function inOrganization({ connection }: ApiContext): InOrganization {
  return ({ organizationId, method }, work) =>
    withOrganization(connection, organizationId, (transaction) => work(transaction, organizationId), {
      onlyReads: method === 'GET' || method === 'HEAD',
    })
}
