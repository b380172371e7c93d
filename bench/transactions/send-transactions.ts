import { Agent, request } from 'node:http'
import { setTimeout as pause } from 'node:timers/promises'
import type { Pool } from 'pg'
import { inParallel } from '../../cli/demo/in-parallel.ts'

const ANSWER_LIMIT_MS = 20_000
const POSTED_LIMIT_MS = 120_000
const POLL_MS = 25

const AGENTS = 50
const USERS = 1000

export interface Sender {
  readonly url: string
  readonly apiKey: string
  readonly connections: number
  /** References begin with it. */
  readonly prefix: string
}

/** Sends so many different transactions, one per request; throws at the first that is not answered by 200. */
export async function sendTransactions(sender: Sender, count: number): Promise<{ latenciesMs: readonly number[] }> {
  const agent = new Agent({ keepAlive: true, maxSockets: sender.connections })
  const latenciesMs: number[] = []
  const indexes = Array.from({ length: count }, (_, index) => index)
  try {
    await inParallel(indexes, sender.connections, async (index) => {
      const startedAt = performance.now()
      await post(sender, agent, body(sender.prefix, index))
      latenciesMs.push(performance.now() - startedAt)
    })
  } finally {
    agent.destroy()
  }
  return { latenciesMs }
}

/** Resolves when no transaction of the organization is pending. */
export async function untilAllPosted(pool: Pool, organizationId: number): Promise<void> {
  const deadline = Date.now() + POSTED_LIMIT_MS
  while (Date.now() < deadline) {
    const { rows } = await pool.query<{ pending: boolean }>(
      `select exists (select from transactions where organization_id = $1 and status = 'pending') as pending`,
      [organizationId],
    )
    if (rows[0]?.pending === false) return
    await pause(POLL_MS)
  }
  throw new Error(`not all transactions were posted within ${POSTED_LIMIT_MS} ms`)
}

const TYPES = ['topup', 'usage', 'usage', 'usage', 'purchase', 'refund', 'payout'] as const

function body(prefix: string, index: number): string {
  return JSON.stringify({
    amount: (index % 1000) + 0.25,
    type: TYPES[index % TYPES.length],
    reference_id: `${prefix}-${index}`,
    agent_id: `agent-${index % AGENTS}`,
    user_id: `user-${index % USERS}`,
  })
}

function post({ url, apiKey }: Sender, agent: Agent, text: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const sent = request(
      `${url}/v1/billing/transactions`,
      {
        method: 'POST',
        agent,
        timeout: ANSWER_LIMIT_MS,
        headers: {
          authorization: `Bearer ${apiKey}`,
          'content-type': 'application/json',
          'content-length': Buffer.byteLength(text),
        },
      },
      (answer) => {
        answer.resume()
        answer.on('end', () => {
          if (answer.statusCode === 200) resolve()
          else reject(new Error(`a transaction was answered by ${answer.statusCode}`))
        })
      },
    )
    sent.on('timeout', () => sent.destroy(new Error(`no answer within ${ANSWER_LIMIT_MS} ms`)))
    sent.on('error', reject)
    sent.end(text)
  })
}
