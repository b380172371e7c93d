import { setTimeout as pause } from 'node:timers/promises'

const CALL_LIMIT_MS = 30_000
const PATIENCE_MS = 90_000
const PAUSE_MS = 200

/** Speaks to the public HTTP API with one key. */
export interface ApiClient {
  /** Asks again while the service is away, for a minute and a half. */
  get<Answer>(path: string): Promise<Answer>
  /** Asks once. */
  post<Answer>(path: string, body: unknown): Promise<Answer>
  /** Posts what counts once however often it is sent, again while the service is away. */
  postAgain<Answer>(path: string, body: unknown): Promise<Answer>
}

/** Every method throws with the method, the path and the answer when that is not a success. */
export function apiClient(url: string, apiKey: string): ApiClient {
  const call = async (method: 'GET' | 'POST', path: string, body?: string): Promise<unknown> => {
    const headers = { authorization: `Bearer ${apiKey}`, ...(body && { 'content-type': 'application/json' }) }
    const signal = AbortSignal.timeout(CALL_LIMIT_MS)
    const response = await fetch(url + path, { method, headers, signal, ...(body && { body }) })
    const text = await response.text()
    if (response.ok) return JSON.parse(text)
    throw new RefusedCall(`${method} ${path} answered ${response.status}: ${text.slice(0, 500)}`, response.status)
  }
  return {
    get: async <Answer>(path: string) => (await untilServed(() => call('GET', path))) as Answer,
    post: async <Answer>(path: string, body: unknown) => (await call('POST', path, JSON.stringify(body))) as Answer,
    postAgain: async <Answer>(path: string, body: unknown) => {
      const text = JSON.stringify(body)
      return (await untilServed(() => call('POST', path, text))) as Answer
    },
  }
}

/** Every item of a list, page after page, in the order of the list. */
export async function listAll<Item>(client: ApiClient, path: string): Promise<Item[]> {
  const items: Item[] = []
  let cursor: string | null = null
  do {
    const from: string = cursor === null ? '' : `&cursor=${encodeURIComponent(cursor)}`
    const page: { data: Item[]; next_cursor: string | null } = await client.get(`${path}?limit=100${from}`)
    items.push(...page.data)
    cursor = page.next_cursor
  } while (cursor !== null)
  return items
}

class RefusedCall extends Error {
  readonly status: number

  constructor(message: string, status: number) {
    super(message)
    this.status = status
  }
}

async function untilServed<Result>(call: () => Promise<Result>): Promise<Result> {
  const deadline = Date.now() + PATIENCE_MS
  for (;;) {
    try {
      return await call()
    } catch (error) {
      const isRefusal = error instanceof RefusedCall && error.status < 500 && error.status !== 429
      if (isRefusal || Date.now() > deadline) throw error
    }
    await pause(PAUSE_MS)
  }
}
