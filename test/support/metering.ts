import type { Pool } from 'pg'
import { createPool } from '../../db/connection.ts'
import { createOrganization } from '../../db/organizations.ts'
import type { AggregationName } from '../../shared/metering/aggregations.ts'
import { createTestDatabase } from './postgres.ts'

/** An organization in a database of its own, and a worker's connections to it. */
export interface MeteringFixture {
  readonly url: string
  readonly pool: Pool
  readonly organizationId: number
  close(): Promise<void>
}

export async function createMeteringFixture(): Promise<MeteringFixture> {
  const database = await createTestDatabase()
  const { organizationId } = await createOrganization(database.url, { name: 'Metering' })
  const pool = createPool({ url: database.url, role: 'tabkeeper_worker', max: 6, name: 'test' })
  return {
    url: database.url,
    pool,
    organizationId,
    close: async () => {
      await pool.end()
      await database.drop()
    },
  }
}

/** Creates a metric by its columns. */
export async function insertMetric(
  { pool, organizationId }: MeteringFixture,
  metric: {
    code: string
    aggregation: AggregationName
    fieldName?: string
    expression?: string
    eventCode?: string
    percentile?: string
    dimensionKeys?: readonly string[]
  },
): Promise<string> {
  const { rows } = await pool.query<{ id: string }>(
    `insert into billable_metrics (organization_id, code, name, aggregation, field_name, event_code, percentile, dimension_keys,
       expression)
     values ($1, $2, $2, $3, $4, $5, $6, $7, $8) returning id`,
    [
      organizationId,
      metric.code,
      metric.aggregation,
      metric.fieldName ?? null,
      metric.eventCode ?? metric.code,
      metric.percentile ?? null,
      metric.dimensionKeys ?? [],
      metric.expression ?? null,
    ],
  )
  return rows[0]?.id ?? ''
}

/** What the rollups of a level say per metric code and customer. */
export async function rollupSums(
  { pool, organizationId }: MeteringFixture,
  level: 0 | 1,
): Promise<Record<string, string>> {
  const { rows } = await pool.query<{ key: string; sum: string }>(
    `select m.code || '/' || c.external_id as key, sum(r.events_count) || '×' || trim_scale(sum(r.value_sum)) as sum
     from usage_rollups r join usage_series s using (customer_id, series_id)
     join billable_metrics m on m.id = s.billable_metric_id join customers c on c.customer_id = r.customer_id
     where r.organization_id = $1 and r.level = $2 group by 1 order by 1`,
    [organizationId, level],
  )
  return Object.fromEntries(rows.map((row) => [row.key, row.sum]))
}

/** The unprocessed events as `transaction: reason`. */
export async function unprocessedReasons({ pool, organizationId }: MeteringFixture): Promise<string[]> {
  const { rows } = await pool.query<{ line: string }>(
    `select transaction_id || ': ' || reason as line from unprocessed_events where organization_id = $1 order by 1`,
    [organizationId],
  )
  return rows.map((row) => row.line)
}
