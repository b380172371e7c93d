import { pino } from 'pino'
import type { WorkerContext } from '../../workers/context.ts'
import { priceUsage } from '../../workers/price-usage/worker.ts'
import type { BillingFixture } from './billing.ts'

/** Prices the customers whose usage has changed, by a round of the worker. */
export async function priceTouched({ connection }: Pick<BillingFixture, 'connection'>): Promise<void> {
  const round = priceUsage.open({ connection, log: pino({ level: 'silent' }) } as WorkerContext)
  await round({})
}
