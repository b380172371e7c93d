import type { ApiClient } from './api-client.ts'
import { closePeriods, type InvoiceAnswer, untilCounted } from './close-periods.ts'
import { openAccounts } from './open-accounts.ts'
import { type OnProgress, replayUsage } from './replay-usage.ts'
import { monthAfter, type Scenario } from './scenario.ts'

/** Told what happens while it happens. */
export interface Reporter {
  step(text: string): void
  progress: OnProgress
}

export interface Played {
  /** Repeated ones included. */
  readonly eventsSent: number
  /** From the first request with events until all of them were counted. */
  readonly durationMs: number
  readonly invoices: readonly InvoiceAnswer[]
}

/**
 * Opens the accounts of an empty organization, replays the usage, closes the months and answers the invoices, all
 * through the public API.
 */
export async function playScenario(client: ApiClient, scenario: Scenario, reporter: Reporter): Promise<Played> {
  reporter.step(`Creating metrics, plans, ${scenario.customers.length} customers and their subscriptions`)
  const clockId = await openAccounts(client, scenario)
  reporter.step(`Replaying ${scenario.requests.length} requests, half of the batches twice`)
  const startedAt = performance.now()
  const eventsSent = await replayUsage(client, scenario, reporter.progress)
  await untilCounted(client)
  const durationMs = performance.now() - startedAt
  const end = monthAfter(scenario.months.at(-1) ?? '')
  reporter.step(`Closing the period: the test clock moves to ${end}, past the grace period`)
  const invoices = await closePeriods(client, clockId, `${end}T02:00:00Z`)
  return { eventsSent, durationMs, invoices }
}
