import { Agent, get } from 'node:http'
import type { BenchCustomers } from './open-customers.ts'
import { subscriptionOf } from './open-customers.ts'

const agent = new Agent({ keepAlive: true, maxSockets: 1 })

/** What a line of the answer says that can be checked. */
export interface AnsweredLine {
  readonly billable_metric_code: string
  readonly grouped_by: { readonly model?: string }
  readonly units: string
}

/** Asks for current usage and answers the time that took, in milliseconds, and the lines. Throws unless it is answered. */
export async function askUsage(
  { url, apiKey }: { readonly url: string } & Pick<BenchCustomers, 'apiKey'>,
  subscription: string,
): Promise<{ readonly ms: number; readonly lines: readonly AnsweredLine[] }> {
  const startedAt = performance.now()
  const text = await new Promise<string>((resolve, reject) => {
    const headers = { authorization: `Bearer ${apiKey}` }
    const path = `${url}/v1/subscriptions/${subscription}/current_usage`
    get(path, { agent, headers }, (response) => {
      const chunks: Buffer[] = []
      response.on('data', (chunk: Buffer) => chunks.push(chunk))
      response.on('end', () => {
        const body = Buffer.concat(chunks).toString()
        if (response.statusCode === 200) resolve(body)
        else reject(new Error(`current usage was answered with ${response.statusCode}: ${body.slice(0, 500)}`))
      })
    }).on('error', reject)
  })
  const ms = performance.now() - startedAt
  return { ms, lines: (JSON.parse(text) as { lines: readonly AnsweredLine[] }).lines }
}

/** Times of requests for customers in turn, so that whatever else the machine does meets all of them. */
export async function timesInTurn(
  service: Parameters<typeof askUsage>[0],
  customers: readonly string[],
  requests: number,
): Promise<readonly (readonly number[])[]> {
  const times = customers.map((): number[] => [])
  for (let request = 0; request < requests; request += 1) {
    for (const [place, customer] of customers.entries()) {
      times[place]?.push((await askUsage(service, subscriptionOf(customer))).ms)
    }
  }
  return times
}

/** Lets go of the connection, so that the process may end. */
export function closeConnections(): void {
  agent.destroy()
}
