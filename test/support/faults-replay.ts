import { setTimeout as pause } from 'node:timers/promises'
import { inParallel } from '../../cli/demo/in-parallel.ts'
import { sendingOrder } from '../../cli/demo/replay-usage.ts'
import type { Scenario } from '../../cli/demo/scenario.ts'
import { seededRandom } from '../../cli/demo/seeded-random.ts'

const CONNECTIONS = 12
const BATCH_EVENTS = 150
/** Every so many batches one goes out as single events. */
const SINGLES_EVERY = 10
const ANSWER_LIMIT_MS = 15_000
const PATIENCE_MS = 60_000
const RETRY_PAUSE_MS = 100

/** Something that goes wrong while usage comes in. */
export interface Fault {
  /** The share of the replay that is acknowledged by then; what comes after the last request to be sent never strikes. */
  readonly at: number
  /** Runs while nothing is sent, once the fault before is over. */
  readonly prepare?: () => Promise<void>
  /** Runs while usage goes on coming in. */
  readonly strike: () => Promise<void>
}

export interface Replayed {
  /** Requests that were answered by an error or not at all, and then sent again. */
  readonly repeatedRequests: number
}

interface Sender {
  readonly url: string
  readonly apiKey: string
}

/**
 * Sends every event of a scenario until it is acknowledged, over several connections, in batches and singly, half of
 * the batches twice; the faults strike in between, each while events are on their way.
 */
export async function replayWithFaults(
  sender: Sender,
  scenario: Scenario,
  faults: readonly Fault[],
): Promise<Replayed> {
  const batches = batchesOf(scenario)
  const sends = sendingOrder(batches.length, seededRandom(scenario.seed, 'faults'))
  const gate = new FaultGate(faults)
  let acknowledged = 0
  let repeatedRequests = 0
  await inParallel(sends, CONNECTIONS, async (index) => {
    await gate.pass(acknowledged / sends.length)
    for (const body of bodiesOf(batches[index] ?? [], index)) repeatedRequests += await sendUntilAccepted(sender, body)
    acknowledged += 1
  })
  await gate.settled()
  return { repeatedRequests }
}

/** Holds the senders back while a fault is prepared, so that none of them is over before it strikes. */
class FaultGate {
  readonly #faults: Fault[]
  #preparing: Promise<void> = Promise.resolve()
  #striking: Promise<void> = Promise.resolve()

  constructor(faults: readonly Fault[]) {
    this.#faults = faults.toSorted((one, other) => one.at - other.at)
  }

  async pass(share: number): Promise<void> {
    const [next] = this.#faults
    if (next !== undefined && share >= next.at) {
      this.#faults.shift()
      const before = this.#striking
      this.#preparing = before.then(() => next.prepare?.())
      this.#striking = this.#preparing.then(() => next.strike())
      // Whoever waits for the gate is told; until then the failure is nobody's.
      this.#striking.catch(() => undefined)
    }
    await this.#preparing
  }

  async settled(): Promise<void> {
    await this.#striking
    if (this.#faults.length > 0) throw new Error(`${this.#faults.length} faults never struck`)
  }
}

type Event = Readonly<Record<string, unknown>>
type Body = { readonly path: '/v1/events' | '/v1/events/batch'; readonly text: string }

function bodiesOf(events: readonly Event[], index: number): Body[] {
  if (index % SINGLES_EVERY !== 0) return [{ path: '/v1/events/batch', text: JSON.stringify({ events }) }]
  return events.map((event) => ({ path: '/v1/events', text: JSON.stringify(event) }))
}

async function sendUntilAccepted(sender: Sender, body: Body): Promise<number> {
  const deadline = Date.now() + PATIENCE_MS
  for (let repeated = 0; ; repeated += 1) {
    const outcome = await send(sender, body)
    if (outcome === 202) return repeated
    const isRefused = typeof outcome === 'number' && outcome < 500
    if (isRefused || Date.now() > deadline) throw new Error(`POST ${body.path} ended with ${outcome}`)
    await pause(RETRY_PAUSE_MS)
  }
}

/** The status, or why there was none. */
async function send({ url, apiKey }: Sender, { path, text }: Body): Promise<number | string> {
  try {
    const response = await fetch(url + path, {
      method: 'POST',
      headers: { authorization: `Bearer ${apiKey}`, 'content-type': 'application/json' },
      body: text,
      signal: AbortSignal.timeout(ANSWER_LIMIT_MS),
    })
    await response.arrayBuffer()
    return response.status
  } catch (error) {
    return String(error)
  }
}

function batchesOf({ requests, madeBy }: Scenario): Event[][] {
  const events = requests.map(({ timestamp, contextTokens, generatedTokens }, index) => ({
    transaction_id: transactionId(index),
    external_customer_id: madeBy[index]?.externalId ?? '',
    code: 'llm_request',
    timestamp,
    properties: { context_tokens: contextTokens, generated_tokens: generatedTokens },
  }))
  return Array.from({ length: Math.ceil(events.length / BATCH_EVENTS) }, (_, index) =>
    events.slice(index * BATCH_EVENTS, (index + 1) * BATCH_EVENTS),
  )
}

/** The transaction id of the request at a position of the scenario. */
export function transactionId(index: number): string {
  return `request-${String(index).padStart(7, '0')}`
}
