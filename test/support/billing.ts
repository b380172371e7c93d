import { listDueNotes } from '../../db/billing/due-notes.ts'
import { listDueDrafts, listDueSubscriptions } from '../../db/billing/due-work.ts'
import { finalizeDrafts } from '../../db/billing/finalize-drafts.ts'
import { insertBillableMetric } from '../../db/catalogue/billable-metrics.ts'
import { createPlan } from '../../db/catalogue/change-plan.ts'
import { insertCustomer } from '../../db/catalogue/customers.ts'
import { advanceTestClock, insertTestClock } from '../../db/catalogue/test-clocks.ts'
import {
  type Connection,
  createConnection,
  type OrganizationTransaction,
  withOrganization,
} from '../../db/connection.ts'
import { type Invoice, listInvoices } from '../../db/invoices/invoices.ts'
import { listDueLifecycles, listSettledTestClocks } from '../../db/lifecycle/due-lifecycles.ts'
import { markTestClockReady } from '../../db/lifecycle/settle-test-clock.ts'
import { createSubscription, type SubscriptionRequest } from '../../db/subscriptions/create-subscription.ts'
import type { Subscription } from '../../db/subscriptions/subscriptions.ts'
import type { UsageEvent } from '../../shared/metering/usage-event.ts'
import type { ChargeRequest, PlanRequest } from '../../shared/plans/plan-request.ts'
import { aggregateEvents } from '../../workers/aggregate-usage/aggregate-events.ts'
import { issueBills } from '../../workers/issue-invoices/issue-bills.ts'
import { issueNotes } from '../../workers/issue-invoices/issue-notes.ts'
import { applyTransitions } from '../../workers/run-lifecycle/apply-transitions.ts'
import { createMeteringFixture, type MeteringFixture } from './metering.ts'
import { usageEvent } from './usage-event.ts'

/** An organization on a test clock, billed by calling what the workers call, one step at a time. */
export interface BillingFixture extends MeteringFixture {
  readonly connection: Connection
  within<Result>(work: (transaction: OrganizationTransaction) => Promise<Result>): Promise<Result>
  /** Moves the clock and does everything that is due until nothing is. */
  advanceTo(frozenTime: string): Promise<void>
  use(externalCustomerId: string, tokens: number, at: string, about?: Partial<UsageEvent>): Promise<void>
  plan(about: Partial<PlanRequest> & { code: string }, charges?: readonly Charge[]): Promise<void>
  customer(externalId: string, timeZone?: string): Promise<void>
  subscribe(
    about: Partial<SubscriptionRequest> & { externalCustomerId: string; planCode: string },
  ): Promise<Subscription>
  invoices(externalCustomerId: string): Promise<Invoice[]>
}

type Charge = Pick<ChargeRequest, 'chargeModel' | 'properties'> & Partial<Pick<ChargeRequest, 'modifiers'>>

/** Opens the organization with one metric: the sum of `tokens` over events of code `tokens`. */
export async function createBillingFixture(frozenTime: string): Promise<BillingFixture> {
  const metering = await createMeteringFixture()
  const { pool, organizationId } = metering
  const connection = createConnection(pool)
  const within: BillingFixture['within'] = (work) => withOrganization(connection, organizationId, work)
  const clock = await within((transaction) =>
    insertTestClock(transaction, organizationId, { name: null, frozenTime: Temporal.Instant.from(frozenTime) }),
  )
  const metric = await within((transaction) =>
    insertBillableMetric(transaction, organizationId, {
      code: 'tokens',
      name: 'Tokens',
      description: null,
      aggregation: 'sum',
      fieldName: 'tokens',
      eventCode: 'tokens',
    }),
  )
  return {
    ...metering,
    connection,
    within,
    advanceTo: async (time) => {
      await within((transaction) =>
        advanceTestClock(transaction, organizationId, { id: clock.id, frozenTime: Temporal.Instant.from(time) }),
      )
      await doWhatIsDue(connection, within, organizationId)
    },
    use: async (externalCustomerId, tokens, at, about = {}) => {
      const timestampMicros = Temporal.Instant.from(at).epochMilliseconds * 1000
      const event = usageEvent({ externalCustomerId, timestampMicros, properties: { tokens }, ...about })
      await aggregateEvents(pool, organizationId, [{ event, receivedAt: at }])
    },
    plan: async (about, charges = []) => {
      const request: PlanRequest = {
        name: about.code,
        description: null,
        lateUsage: null,
        interval: 'monthly',
        intervalName: 'monthly',
        amountMinor: 0n,
        currency: 'USD',
        trialPeriodDays: 0,
        trialKind: 'free',
        trialUsage: 'billed',
        payInAdvance: false,
        charges: charges.map((charge) => ({
          billableMetricId: metric.id,
          filters: [],
          modifiers: {},
          displayName: null,
          ...charge,
        })),
        ...about,
      }
      await within((transaction) => createPlan(transaction, organizationId, request))
    },
    customer: async (externalId, timeZone) => {
      const details = { name: null, email: null, currency: null, timeZone: timeZone ?? null, metadata: {} }
      await within((transaction) => insertCustomer(transaction, organizationId, { externalId, ...details }))
    },
    subscribe: async (about) => {
      const request = {
        externalId: null,
        name: null,
        startedAt: null,
        endedAt: null,
        billingTime: 'calendar' as const,
        ownEventsOnly: false,
        ...about,
      }
      const subscription = await within((transaction) => createSubscription(transaction, organizationId, request))
      await doWhatIsDue(connection, within, organizationId)
      return subscription
    },
    invoices: async (externalCustomerId) => {
      const filter = { externalCustomerId, subscriptionId: undefined, status: undefined, after: undefined, limit: 100 }
      const { rows } = await within((transaction) => listInvoices(transaction, organizationId, filter))
      return [...rows].sort(
        (left, right) => Temporal.Instant.compare(left.issuedAt, right.issuedAt) || (left.id < right.id ? -1 : 1),
      )
    },
  }
}

// The rounds in which the workers take turns, without their queues: those have tests of their own.
async function doWhatIsDue(
  connection: Connection,
  within: BillingFixture['within'],
  organizationId: number,
): Promise<void> {
  const due = {
    now: Temporal.Now.instant().add({ hours: 1 }),
    liveDelaySeconds: 0,
    testClockDelaySeconds: 0,
    limit: 1000,
  }
  for (;;) {
    const lifecycles = await listDueLifecycles(connection, due)
    for (const { ids } of lifecycles) await within((transaction) => applyTransitions(transaction, organizationId, ids))
    const bills = await listDueSubscriptions(connection, due)
    for (const { ids } of bills) await issueBills(connection, organizationId, ids)
    const drafts = await listDueDrafts(connection, due)
    for (const { customerIds, ids } of drafts) {
      await within((transaction) =>
        finalizeDrafts(transaction, { organizationId, customerIds, invoiceIds: ids, onlyDue: true }),
      )
    }
    const notes = await listDueNotes(connection, due)
    for (const { ids } of notes) await within((transaction) => issueNotes(transaction, organizationId, ids))
    if (lifecycles.length + bills.length + drafts.length + notes.length === 0) break
  }
  for (const { id } of await listSettledTestClocks(connection)) {
    await within((transaction) => markTestClockReady(transaction, organizationId, id))
  }
}
