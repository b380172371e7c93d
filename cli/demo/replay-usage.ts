import type { ApiClient } from './api-client.ts'
import { inParallel } from './in-parallel.ts'
import type { Scenario } from './scenario.ts'
import { type Random, seededRandom, shuffled } from './seeded-random.ts'

const BATCH_EVENTS = 500
const BATCHES_IN_FLIGHT = 8
/** A batch that is sent twice comes back after at most this many others, so often while the first is under way. */
const RESENT_WITHIN_BATCHES = 40

export type OnProgress = (done: number, total: number) => void

/** Sends one event per request in batches, half of them twice. Answers the number of events sent, repeated ones included. */
export async function replayUsage(client: ApiClient, scenario: Scenario, onProgress: OnProgress): Promise<number> {
  const batches = batchesOf(scenario)
  const sends = sendingOrder(batches.length, seededRandom(scenario.seed, 'batches')).map(
    (index) => batches[index] ?? [],
  )
  const total = sends.reduce((sum, batch) => sum + batch.length, 0)
  let sent = 0
  await inParallel(sends, BATCHES_IN_FLIGHT, async (events) => {
    const { accepted } = await client.postAgain<{ accepted: number }>('/v1/events/batch', { events })
    if (accepted !== events.length) throw new Error(`Of a batch of ${events.length} events ${accepted} were accepted.`)
    sent += events.length
    onProgress(sent, total)
  })
  return sent
}

/** The order in which so many batches are sent: each once, and half of them, drawn at random, once more a little later. */
export function sendingOrder(batchCount: number, random: Random): number[] {
  const all = Array.from({ length: batchCount }, (_, index) => index)
  const resent = shuffled(all, random).slice(0, Math.ceil(batchCount / 2))
  const sends = [
    ...all.map((index) => ({ index, place: index })),
    ...resent.map((index) => ({ index, place: index + random() * RESENT_WITHIN_BATCHES })),
  ]
  return sends.sort((one, other) => one.place - other.place).map(({ index }) => index)
}

interface DemoEvent {
  readonly transaction_id: string
  readonly external_customer_id: string
  readonly code: string
  readonly timestamp: string
  readonly properties: { readonly context_tokens: number; readonly generated_tokens: number }
}

function batchesOf({ requests, madeBy }: Scenario): DemoEvent[][] {
  const events = requests.map(({ timestamp, contextTokens, generatedTokens }, index) => ({
    transaction_id: `request-${index + 1}`,
    external_customer_id: madeBy[index]?.externalId ?? '',
    code: 'llm_request',
    timestamp,
    properties: { context_tokens: contextTokens, generated_tokens: generatedTokens },
  }))
  return Array.from({ length: Math.ceil(events.length / BATCH_EVENTS) }, (_, index) =>
    events.slice(index * BATCH_EVENTS, (index + 1) * BATCH_EVENTS),
  )
}
