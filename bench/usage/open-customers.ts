import { apiClient } from '../../cli/demo/api-client.ts'
import { createOrganization } from '../../db/organizations.ts'
import type { BenchService } from '../service/bench-service.ts'
import { EVENT_CODE, METRICS, NOW, RAW_CASES } from './bench-metrics.ts'

/** The two customers to compare, with equal plans; the second also has the charges that read events. */
export const LARGE = 'large'
export const SMALL = 'small'
/** A plan of everything that rollups answer, and the subscriptions to it. */
const PLAN = 'from-rollups'

export interface BenchCustomers {
  readonly organizationId: number
  readonly apiKey: string
}

/** An organization whose time stands still, with metrics, plans and the two customers. */
export async function openCustomers(service: BenchService): Promise<BenchCustomers> {
  const { organizationId, apiKey } = await createOrganization(service.databaseUrl, { name: 'Bench' })
  const client = apiClient(service.url, apiKey)
  await client.post('/v1/test_clocks', { frozen_time: NOW })
  const chargeOf = async ({ code, about, charge, isGrouped = false }: ChargedMetric) => {
    const metric = { code, name: code, event_code: EVENT_CODE, ...about }
    const { id } = await client.post<{ id: string }>('/v1/billable_metrics', metric)
    const properties = { amount: '0.01', ...(isGrouped && { pricing_group_keys: ['model'] }) }
    return { billable_metric_id: id, charge_model: 'standard', properties, ...charge }
  }
  const createPlan = async (code: string, metrics: readonly ChargedMetric[]) => {
    const charges = []
    for (const metric of metrics) charges.push(await chargeOf(metric))
    await client.post('/v1/plans/', {
      code,
      name: code,
      interval: 'monthly',
      amount_cents: 0,
      currency: 'USD',
      charges,
    })
  }
  const subscribe = async (customer: string, plan_code: string) => {
    const external_id = subscriptionOf(customer, plan_code)
    const started_at = '2026-01-01T00:00:00Z'
    const about = { external_customer_id: customer, external_id, plan_code, started_at, billing_time: 'calendar' }
    await client.post('/v1/subscriptions', about)
  }
  await createPlan(PLAN, METRICS)
  for (const raw of RAW_CASES) await createPlan(raw.code, [raw])
  for (const external_id of [LARGE, SMALL]) {
    await client.post('/v1/customers', { external_id })
    await subscribe(external_id, PLAN)
  }
  for (const { code } of RAW_CASES) await subscribe(SMALL, code)
  return { organizationId, apiKey }
}

interface ChargedMetric {
  readonly code: string
  readonly about: Readonly<Record<string, unknown>>
  readonly charge?: Readonly<Record<string, unknown>>
  readonly isGrouped?: boolean
}

/** The external id of a customer's subscription. */
export function subscriptionOf(customer: string, plan = PLAN): string {
  return `${customer}-${plan}`
}
