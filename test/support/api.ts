import { randomBytes } from 'node:crypto'
import { pino } from 'pino'
import { startWebProcess, type WebProcess } from '../../api/web-process.ts'
import { createOrganization, type OrganizationSettings } from '../../db/organizations.ts'
import type { Config } from '../../shared/config.ts'
import { readConfig } from '../../shared/config.ts'
import { type AnswerContract, readAnswerContract } from './answer-contract.ts'
import { createTestDatabase } from './postgres.ts'
import { testRedisUrl } from './redis.ts'

/** What a request was answered with. */
export interface Answer {
  readonly status: number
  readonly headers: Headers
  readonly text: string
  /** The parsed body, of whatever shape; `undefined` when it is empty or no JSON. */
  readonly body: ReturnType<typeof JSON.parse>
}

/** Sends requests with one organization's key; every answer must be one that the OpenAPI document promises. */
export interface ApiClient {
  readonly organizationId: number
  readonly apiKey: string
  /** Operators exist only where they were asked for. */
  readonly operatorPassword: string | undefined
  get(path: string): Promise<Answer>
  /** Text and bytes are sent as they are; anything else as JSON. */
  post(path: string, body?: unknown, headers?: Record<string, string>): Promise<Answer>
  patch(path: string, body: unknown): Promise<Answer>
  put(path: string, body: unknown): Promise<Answer>
  delete(path: string): Promise<Answer>
}

type Identity = Pick<ApiClient, 'organizationId' | 'apiKey' | 'operatorPassword'>

/** The real web process on a free port, with a database of its own and the queues of the run. */
export interface TestApi {
  readonly url: string
  readonly web: WebProcess
  readonly config: Config
  /** Creates an organization and speaks for it. */
  client(settings?: Partial<OrganizationSettings>): Promise<ApiClient>
  /** Speaks for an organization that is there already. */
  clientOf(identity: Identity): ApiClient
  request(path: string, init?: RequestInit): Promise<Answer>
  stop(): Promise<void>
}

export async function startApi(environment: NodeJS.ProcessEnv = {}): Promise<TestApi> {
  const database = await createTestDatabase()
  const config = readConfig({
    DATABASE_URL: database.url,
    TABKEEPER_SECRET: randomBytes(32).toString('hex'),
    REDIS_URL: testRedisUrl(),
    PORT: '0',
    ...environment,
  })
  const web = await startWebProcess(config, pino({ level: process.env['LOG_LEVEL'] ?? 'silent' }))
  const request = (path: string, init?: RequestInit) => send(`${web.url}${path}`, init)
  const contract = readAnswerContract((await request('/openapi.json')).body)
  return {
    url: web.url,
    web,
    config,
    request,
    client: async (settings = {}) => {
      const created = await createOrganization(config.databaseUrl, { name: 'Test', ...settings })
      return clientOf(created, web.url, contract)
    },
    clientOf: (identity) => clientOf(identity, web.url, contract),
    stop: async () => {
      await web.stop()
      await database.drop()
    },
  }
}

function clientOf(
  { organizationId, apiKey, operatorPassword }: Identity,
  url: string,
  contract: AnswerContract,
): ApiClient {
  const call = async (method: string, path: string, body?: unknown, headers: Record<string, string> = {}) => {
    const answer = await send(`${url}/v1${path}`, {
      method,
      headers: {
        authorization: `Bearer ${apiKey}`,
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
        ...headers,
      },
      ...(body === undefined ? {} : { body: isRaw(body) ? body : JSON.stringify(body) }),
    })
    const [mediaType = ''] = (answer.headers.get('content-type') ?? '').split(';')
    contract.check({ method, path: `/v1${path}`, status: answer.status, mediaType, body: answer.body })
    return answer
  }
  return {
    organizationId,
    apiKey,
    operatorPassword,
    get: (path) => call('GET', path),
    post: (path, body, headers) => call('POST', path, body, headers),
    patch: (path, body) => call('PATCH', path, body),
    put: (path, body) => call('PUT', path, body),
    delete: (path) => call('DELETE', path),
  }
}

async function send(url: string, init: RequestInit = {}): Promise<Answer> {
  const response = await fetch(url, { redirect: 'manual', ...init })
  const text = await response.text()
  return { status: response.status, headers: response.headers, text, body: parsed(text) }
}

function isRaw(body: unknown): body is string | Uint8Array<ArrayBuffer> {
  return typeof body === 'string' || body instanceof Uint8Array
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
