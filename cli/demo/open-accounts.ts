import type { ApiClient } from './api-client.ts'
import { inParallel } from './in-parallel.ts'
import { type DemoPlan, METRICS, PLANS } from './price-list.ts'
import type { DemoCustomer, Scenario } from './scenario.ts'

const CALLS_IN_FLIGHT = 8

/**
 * Puts the organization on a test clock at the start of the first month and creates metrics, plans, customers and a
 * subscription for each. Answers the id of the clock.
 */
export async function openAccounts(client: ApiClient, { customers, months }: Scenario): Promise<string> {
  const frozenTime = `${months[0]}T00:00:00Z`
  const clock = await client.post<{ id: string }>('/v1/test_clocks', { frozen_time: frozenTime })
  const metricIds = new Map<string, string>()
  for (const metric of METRICS) {
    const { id } = await client.post<{ id: string }>('/v1/billable_metrics', metric)
    metricIds.set(metric.code, id)
  }
  for (const plan of PLANS) await createPlan(client, plan, metricIds)
  await inParallel(customers, CALLS_IN_FLIGHT, (customer) => subscribe(client, customer))
  return clock.id
}

async function createPlan(
  client: ApiClient,
  { charges, ...plan }: DemoPlan,
  metricIds: ReadonlyMap<string, string>,
): Promise<void> {
  await client.post('/v1/plans/', {
    ...plan,
    interval: 'monthly',
    charges: charges.map(({ metric, ...price }) => ({ billable_metric_id: metricIds.get(metric), ...price })),
  })
}

async function subscribe(client: ApiClient, { externalId, plan }: DemoCustomer): Promise<void> {
  await client.post('/v1/customers', { external_id: externalId, name: externalId.replace('c', 'C').replace('-', ' ') })
  await client.post('/v1/subscriptions', { external_customer_id: externalId, plan_code: plan.code })
}
