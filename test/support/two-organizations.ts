import type { Pool } from 'pg'
import { type Connection, createConnection, createPool } from '../../db/connection.ts'
import { type ApiClient, startApi, type TestApi } from './api.ts'

type PoolKind = Pick<Parameters<typeof createPool>[0], 'role' | 'pipeline'>

/** Two organizations whose transactions share one connection, so that each meets what those before it left behind. */
export interface TwoOrganizations {
  readonly api: TestApi
  readonly one: ApiClient
  readonly other: ApiClient
  readonly pool: Pool
  readonly connection: Connection
  /** Another pool of one connection, to be ended by whoever opens it. */
  readonly openPool: (kind: PoolKind) => Pool
  readonly stop: () => Promise<void>
}

export async function openTwoOrganizations(kind: PoolKind): Promise<TwoOrganizations> {
  const api = await startApi()
  const one = await api.client({ name: 'One' })
  const other = await api.client({ name: 'Other' })
  const openPool = (about: PoolKind) => createPool({ url: api.config.databaseUrl, max: 1, name: 'test', ...about })
  const pool = openPool(kind)
  const stop = async () => {
    await pool.end()
    await api.stop()
  }
  return { api, one, other, pool, connection: createConnection(pool), openPool, stop }
}
