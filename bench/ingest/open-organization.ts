import { type ApiClient, apiClient } from '../../cli/demo/api-client.ts'
import { inParallel } from '../../cli/demo/in-parallel.ts'
import { createOrganization } from '../../db/organizations.ts'
import type { BenchService } from '../service/bench-service.ts'
import { CUSTOMERS, customerName, METRICS } from './events.ts'

const CALLS_IN_FLIGHT = 16
/** Customers whose current usage is watched. */
export const WATCHED_CUSTOMERS = 2
/** The code of the events that they send. */
export const WATCHED_CODE = 'watched'

export interface BenchOrganization {
  readonly url: string
  readonly organizationId: number
  readonly apiKey: string
  readonly client: ApiClient
}

/** An organization with customers and metrics, all usage told apart by model, and some customers to watch. */
export async function openOrganization(service: BenchService): Promise<BenchOrganization> {
  const { organizationId, apiKey } = await createOrganization(service.databaseUrl, { name: 'Bench' })
  const client = apiClient(service.url, apiKey)
  const charges = []
  for (const metric of METRICS) {
    const { id } = await client.post<{ id: string }>('/v1/billable_metrics', { name: metric.code, ...metric })
    const properties = { amount: '0.01', pricing_group_keys: ['model'] }
    charges.push({ billable_metric_id: id, charge_model: 'standard', properties })
  }
  await createPlan(client, 'by-model', charges)
  const names = Array.from({ length: CUSTOMERS }, (_, customer) => customerName(customer))
  await inParallel(names, CALLS_IN_FLIGHT, async (external_id) => {
    await client.post('/v1/customers', { external_id })
  })
  await openWatched(client)
  return { url: service.url, organizationId, apiKey, client }
}

async function openWatched(client: ApiClient): Promise<void> {
  const metric = { code: WATCHED_CODE, name: WATCHED_CODE, aggregation: 'count' }
  const { id } = await client.post<{ id: string }>('/v1/billable_metrics', metric)
  await createPlan(client, WATCHED_CODE, [
    { billable_metric_id: id, charge_model: 'standard', properties: { amount: '0.01' } },
  ])
  for (let number = 0; number < WATCHED_CUSTOMERS; number += 1) {
    const external_id = watchedName(number)
    await client.post('/v1/customers', { external_id })
    await client.post('/v1/subscriptions', { external_customer_id: external_id, external_id, plan_code: WATCHED_CODE })
  }
}

/** The external id of a watched customer and of its subscription. */
export function watchedName(number: number): string {
  return `watched-${number}`
}

async function createPlan(client: ApiClient, code: string, charges: readonly object[]): Promise<void> {
  await client.post('/v1/plans/', { code, name: code, interval: 'monthly', amount_cents: 0, currency: 'USD', charges })
}
