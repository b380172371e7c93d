import type { FastifyRequest } from 'fastify'
import { findApiKey, hashApiKey, type KeyHolder } from '../db/catalogue/api-keys.ts'
import type { Connection } from '../db/connection.ts'
import { AppError } from '../shared/errors.ts'
import { requireScope } from './key-scopes.ts'
import { RememberedLoads } from './remembered-loads.ts'

declare module 'fastify' {
  interface FastifyRequest {
    /** The organization that the key speaks for; 0 where no key is asked for. */
    organizationId: number
    /** The customer that the key speaks for; null where it speaks for the whole organization. */
    keyCustomerId: string | null
    /** The id of the key; empty where none is asked for. */
    apiKeyId: string
  }
}

// A revoked key works for at most five seconds.
const REMEMBERED = { keepMs: 5_000, freshMs: 4_000, maxKept: 10_000 }

/** Authenticates requests by their bearer key. Holders are kept in memory for a moment, by hash and never by key. */
export class Authenticator {
  readonly #connection: Connection
  readonly #holders = new RememberedLoads<string, KeyHolder>(REMEMBERED)

  constructor(connection: Connection) {
    this.#connection = connection
  }

  /**
   * Puts the key's organization and customer on the request. Throws `unauthorized` when there is no key that works, and
   * `forbidden` when the key's scopes do not cover the route.
   */
  async authenticate(request: FastifyRequest): Promise<void> {
    const key = bearerKey(request.headers.authorization)
    const hash = hashApiKey(key)
    const holder = await this.#holders.read(hash.toString('base64'), () => findApiKey(this.#connection, hash))
    if (holder === undefined) throw new AppError('unauthorized', 'the API key is unknown or revoked')
    requireScope(holder, request.method, request.routeOptions.url)
    request.organizationId = holder.organizationId
    request.keyCustomerId = holder.externalCustomerId
    request.apiKeyId = holder.apiKeyId
  }
}

function bearerKey(authorization: string | undefined): string {
  const key = /^Bearer +(\S+)\s*$/i.exec(authorization ?? '')?.[1]
  if (key === undefined) throw new AppError('unauthorized', 'send your API key as "Authorization: Bearer tk_…"')
  return key
}
