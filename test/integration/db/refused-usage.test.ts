import fc from 'fast-check'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { attributableOf, listSiblings } from '../../../db/billing/attributable-subscriptions.ts'
import { listPlanComponents } from '../../../db/billing/plan-components.ts'
import { statementsOf } from '../../../db/statements.ts'
import { findRefusedUsage } from '../../../db/usage/refused-usage.ts'
import { attributedRanges } from '../../../shared/invoicing/attribution.ts'
import type { CountedMetric } from '../../../shared/metering/count-event.ts'
import { microsOfInstant } from '../../../shared/metering/timestamp.ts'
import { type BillingFixture, createBillingFixture } from '../../support/billing.ts'
import { usageEvent } from '../../support/usage-event.ts'

const CHARGES = [{ chargeModel: 'standard' as const, properties: { amount: '1' } }]
const CASES = 60

let fixture: BillingFixture
beforeAll(async () => {
  fixture = await createBillingFixture('2026-02-01T00:00:00Z')
  await fixture.plan({ code: 'refusing', lateUsage: 'refuse' }, CHARGES)
  await fixture.plan({ code: 'taking' }, CHARGES)
  await fixture.plan({ code: 'uncharged', lateUsage: 'refuse' })
})
afterAll(() => fixture.close())

interface Life {
  readonly planCode: string
  readonly startDay: number
  readonly days: number | null
  readonly entryDelay: number
  readonly ownEventsOnly: boolean
}

const life = fc.record({
  planCode: fc.constantFrom('refusing', 'refusing', 'taking', 'uncharged'),
  startDay: fc.integer({ min: -10, max: 25 }),
  days: fc.option(fc.integer({ min: 0, max: 30 })),
  entryDelay: fc.integer({ min: 0, max: 25 }),
  ownEventsOnly: fc.boolean(),
})

const drawnCase = fc.record({
  lives: fc.array(life, { minLength: 1, maxLength: 5 }),
  day: fc.integer({ min: 0, max: 30 }),
})

const dayOf = (day: number) => Temporal.Instant.from('2026-01-01T00:00:00Z').add({ hours: day * 24 })

/** A customer with these subscriptions, each with a final invoice of January. */
async function insertCustomer(externalId: string, lives: readonly Life[]): Promise<number> {
  await fixture.customer(externalId)
  const { rows } = await fixture.pool.query<{ customer_id: number }>(
    `with subscribed as (
       insert into subscriptions (organization_id, customer_id, external_id, plan_version_id, issuer_id, status, billing_time,
         own_events_only, currency, time_zone, started_at, ended_at, entered_at, current_period_start, current_period_end)
       select $1, customer_id, $2 || place, version.id, issuer.id, case when ended_at is null then 'active' else 'completed' end,
         'calendar', own_events_only, 'USD', 'UTC', started_at, ended_at, entered_at,
         case when ended_at is null then '2026-02-01'::timestamptz end, case when ended_at is null then '2026-03-01'::timestamptz end
       from unnest($3::text[], $4::timestamptz[], $5::timestamptz[], $6::timestamptz[], $7::boolean[]) with ordinality
         as life (plan_code, started_at, ended_at, entered_at, own_events_only, place)
       join plans plan on plan.organization_id = $1 and plan.code = plan_code
       join plan_versions version on version.plan_id = plan.id
       join issuers issuer on issuer.organization_id = $1
       join customers on customers.organization_id = $1 and customers.external_id = $2
       returning id, customer_id, external_id, issuer_id)
     insert into invoices (organization_id, customer_id, subscription_id, issuer_id, kind, period_start, period_end, status, number,
       currency, subtotal_minor, total_minor, issued_at, finalized_at, time_zone)
     select $1, customer_id, id, issuer_id, 'subscription_cycle', '2026-01-01', '2026-02-01', 'finalized', external_id,
       'USD', 0, 0, '2026-02-01', '2026-02-01', 'UTC'
     from subscribed returning customer_id`,
    [
      fixture.organizationId,
      externalId,
      lives.map(({ planCode }) => planCode),
      lives.map(({ startDay }) => dayOf(startDay).toString()),
      lives.map(({ startDay, days }) => (days === null ? null : dayOf(startDay + days).toString())),
      lives.map(({ startDay, entryDelay }) => dayOf(startDay + entryDelay).toString()),
      lives.map(({ ownEventsOnly }) => ownEventsOnly),
    ],
  )
  return rows[0]?.customer_id ?? 0
}

/** The code of the plan of the subscription that pays for what names only the customer. */
async function payingPlanOf(customerId: number, metricId: string, day: number): Promise<string | undefined> {
  const { rows: versions } = await fixture.pool.query<{ id: string; code: string }>(
    'select version.id, plan.code from plan_versions version join plans plan on plan.id = version.plan_id',
  )
  return await fixture.within(async (transaction) => {
    const siblings = (await listSiblings(transaction, fixture.organizationId, [customerId])).get(customerId) ?? []
    const versionIds = siblings.map(({ planVersionId }) => planVersionId)
    const components = await listPlanComponents(transaction, fixture.organizationId, versionIds)
    const subscriptions = attributableOf(siblings, components)
    const period = { start: dayOf(day), end: dayOf(day).add({ microseconds: 1 }) }
    const paying = siblings.find(
      ({ id }) => attributedRanges({ subscriptions, subscriptionId: id, metricId, period }).length > 0,
    )
    return versions.find(({ id }) => id === paying?.planVersionId)?.code
  })
}

test('late usage of a customer is refused where, and only where, the subscription that pays for it refuses', async () => {
  const { rows: metrics } = await fixture.pool.query<CountedMetric>('select id from billable_metrics')
  const metricId = metrics[0]?.id ?? ''
  const asked = []
  for (const [place, { lives, day }] of fc.sample(drawnCase, CASES).entries()) {
    const customerId = await insertCustomer(`customer-${place}-`, lives)
    const event = usageEvent({ timestampMicros: microsOfInstant(dayOf(day)) })
    const isRefused = (await payingPlanOf(customerId, metricId, day)) === 'refusing'
    asked.push({ lives, day, isRefused, countable: { customerId, arrival: 0n, event } })
  }
  const events = asked.map(({ countable }) => countable)
  const refused = await fixture.within((transaction) =>
    findRefusedUsage(statementsOf(transaction), fixture.organizationId, {
      events,
      metrics: new Map([['tokens', metrics]]),
    }),
  )
  expect(asked.map((one) => ({ ...one, isRefused: refused.has(one.countable) }))).toEqual(asked)
  expect(new Set(asked.map(({ isRefused }) => isRefused))).toEqual(new Set([true, false]))
})
