import { setTimeout as pause } from 'node:timers/promises'
import { type BenchOrganization, WATCHED_CODE, WATCHED_CUSTOMERS, watchedName } from './open-organization.ts'

// Asking costs as much as hundreds of events: more of it would measure itself.
const POLL_MS = 25
const PATIENCE_MS = 30_000

/**
 * While `until` is pending: sends single events of customers and asks for their current usage until each shows. Answers
 * the times from acknowledgement to sight, in milliseconds; what it shows in the end is exactly what was sent.
 */
export async function watchUsage(organization: BenchOrganization, until: Promise<unknown>): Promise<readonly number[]> {
  let isOver = false
  const stop = () => {
    isOver = true
  }
  until.then(stop, stop)
  const delays = Array.from({ length: WATCHED_CUSTOMERS }, async (_, number) => {
    const delaysMs: number[] = []
    const name = watchedName(number)
    const before = await usedUnits(organization, name)
    while (!isOver) delaysMs.push(await sightDelay(organization, name, before + delaysMs.length + 1))
    return delaysMs
  })
  return (await Promise.all(delays)).flat()
}

async function sightDelay(organization: BenchOrganization, name: string, expected: number): Promise<number> {
  const event = { transaction_id: `${name}-${expected}`, external_customer_id: name, code: WATCHED_CODE }
  await organization.client.post('/v1/events', event)
  const acknowledgedAt = performance.now()
  while (performance.now() - acknowledgedAt < PATIENCE_MS) {
    const used = await usedUnits(organization, name)
    const delayMs = performance.now() - acknowledgedAt
    if (used > expected) throw new Error(`${name} used ${used} units instead of ${expected}`)
    if (used === expected) return delayMs
    await pause(POLL_MS)
  }
  throw new Error(`an event of ${name} did not show within ${PATIENCE_MS} ms`)
}

async function usedUnits({ client }: BenchOrganization, name: string): Promise<number> {
  const usage = await client.get<{ lines: { units: string }[] }>(`/v1/subscriptions/${name}/current_usage`)
  return usage.lines.reduce((sum, { units }) => sum + Number(units), 0)
}
