import type { FastifyRequest } from 'fastify'
import { findApiKey, hashApiKey, type KeyHolder } from '../db/catalogue/api-keys.ts'
import type { Connection } from '../db/connection.ts'
import { AppError } from '../shared/errors.ts'
import { requireScope } from './key-scopes.ts'
import { SharedLoads } from './shared-loads.ts'

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

// A revoked key works for at most this long.
const CACHE_MS = 5_000
// Who asks after this long has it looked up again without waiting, so that nobody waits while requests keep coming.
const FRESH_MS = 4_000
const CACHE_SIZE = 10_000

interface CachedHolder extends KeyHolder {
  readonly validUntilMs: number
}

/** Authenticates requests by their bearer key. Holders are kept in memory for a moment, by hash and never by key. */
export class Authenticator {
  readonly #connection: Connection
  readonly #holders = new Map<string, CachedHolder>()
  readonly #loads = new SharedLoads<string, KeyHolder>()

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
    const name = hash.toString('base64')
    const holder = this.#cached(hash, name) ?? (await this.#load(hash, name))
    requireScope(holder, request.method, request.routeOptions.url)
    request.organizationId = holder.organizationId
    request.keyCustomerId = holder.externalCustomerId
    request.apiKeyId = holder.apiKeyId
  }

  #cached(hash: Buffer, name: string): CachedHolder | undefined {
    const holder = this.#holders.get(name)
    const validForMs = (holder?.validUntilMs ?? 0) - performance.now()
    if (validForMs <= 0) return undefined
    // What fails here fails again for whoever has to wait for it.
    if (validForMs <= CACHE_MS - FRESH_MS) this.#load(hash, name).catch(() => undefined)
    return holder
  }

  async #load(hash: Buffer, name: string): Promise<KeyHolder> {
    const holder = await this.#loads.load(name, () => findApiKey(this.#connection, hash))
    if (holder === undefined) {
      this.#holders.delete(name)
      throw new AppError('unauthorized', 'the API key is unknown or revoked')
    }
    if (this.#holders.size >= CACHE_SIZE) this.#holders.clear()
    this.#holders.set(name, { ...holder, validUntilMs: performance.now() + CACHE_MS })
    return holder
  }
}

function bearerKey(authorization: string | undefined): string {
  const key = /^Bearer +(\S+)\s*$/i.exec(authorization ?? '')?.[1]
  if (key === undefined) throw new AppError('unauthorized', 'send your API key as "Authorization: Bearer tk_…"')
  return key
}
