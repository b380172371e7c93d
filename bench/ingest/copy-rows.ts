import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import type { Pool, PoolClient } from 'pg'
import { from as copyFrom, to as copyTo } from 'pg-copy-streams'

const COLUMNS = `customer_id, organization_id, "timestamp", event_key, received_at, code, source, transaction_id,
  external_subscription_id, arrival, amount_minor, properties`
const CHUNK_BYTES = 1 << 20

/** Rows in the text format of COPY. */
export interface PreparedRows {
  readonly chunks: readonly Buffer[]
  readonly count: number
}

/** The raw events of a run, as the service has stored them, in the order of their arrival. */
export async function readRows(pool: Pool, organizationId: number, prefix: string): Promise<PreparedRows> {
  return await withClient(pool, async (client) => {
    // COPY takes no parameters; both are the bench's own.
    const stream = client.query(
      copyTo(`copy (select ${COLUMNS} from usage_events
        where organization_id = ${organizationId} and starts_with(transaction_id, '${prefix}-') order by arrival) to stdout`),
    )
    const chunks: Buffer[] = []
    for await (const chunk of stream) chunks.push(chunk as Buffer)
    return { chunks: cut(Buffer.concat(chunks)), count: stream.rowCount ?? 0 }
  })
}

/**
 * Copies the rows in one stream over one connection into an empty table with the columns and the key of ours, and
 * nothing else: no partitions, no second index. Answers the rows per second.
 */
export async function copyRows(pool: Pool, { chunks, count }: PreparedRows): Promise<number> {
  return await withClient(pool, async (client) => {
    await client.query('drop table if exists bench_copy')
    await client.query('create table bench_copy (like usage_events, primary key (customer_id, event_key))')
    const startedAt = performance.now()
    await pipeline(Readable.from(chunks), client.query(copyFrom(`copy bench_copy (${COLUMNS}) from stdin`)))
    const ms = performance.now() - startedAt
    const { rows } = await client.query<{ count: string }>('select count(*) from bench_copy')
    if (Number(rows[0]?.count) !== count) throw new Error(`COPY wrote ${rows[0]?.count} rows instead of ${count}`)
    await client.query('drop table bench_copy')
    return (count / ms) * 1000
  })
}

async function withClient<Result>(pool: Pool, work: (client: PoolClient) => Promise<Result>): Promise<Result> {
  const client = await pool.connect()
  try {
    return await work(client)
  } finally {
    client.release()
  }
}

function cut(all: Buffer): Buffer[] {
  return Array.from({ length: Math.ceil(all.length / CHUNK_BYTES) }, (_, index) =>
    all.subarray(index * CHUNK_BYTES, (index + 1) * CHUNK_BYTES),
  )
}
