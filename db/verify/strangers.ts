import type { Statements } from '../statements.ts'
import { nameCustomer } from './about-series.ts'
import type { Check, DifferenceLog } from './difference.ts'
import type { UsageSelection } from './usage-selection.ts'

const TABLES = [
  ['rollups', 'usage_rollups'],
  ['distinct_values', 'usage_distinct_values'],
] as const satisfies readonly (readonly [Check, string])[]

/** Tells rows of which nobody can say what they count, because their series or metric is not there. */
export async function checkStrangers(
  client: Statements,
  { organizationId, customerId }: UsageSelection,
  log: DifferenceLog,
): Promise<void> {
  for (const [check, table] of TABLES) {
    const { rows } = await client.query<StrangerRow>(
      `select counted.customer_id as "customerId", counted.series_id::text as "seriesId", count(*)::text as rows
       from ${table} counted where ${IS_STRANGER} group by 1, 2 order by 1, 2`,
      [organizationId, customerId ?? null],
    )
    for (const row of rows) {
      const customer = await nameCustomer(client, organizationId, row.customerId)
      log.add({ check, about: { customer, series: row.seriesId }, stored: `${row.rows} rows`, computed: null })
    }
  }
}

interface StrangerRow {
  readonly customerId: number
  readonly seriesId: string
  readonly rows: string
}

/** Removes these rows. Answers with how many there were. */
export async function deleteStrangers(
  client: Statements,
  { organizationId, customerId }: UsageSelection,
): Promise<Readonly<Record<(typeof TABLES)[number][0], number>>> {
  const deleted = { rollups: 0, distinct_values: 0 }
  for (const [check, table] of TABLES) {
    const { rows } = await client.query<{ deleted: string }>(
      `with deleted as (delete from ${table} counted where ${IS_STRANGER} returning 1)
       select count(*)::text as deleted from deleted`,
      [organizationId, customerId ?? null],
    )
    deleted[check] = Number(rows[0]?.deleted ?? 0)
  }
  return deleted
}

const IS_STRANGER = `
  counted.organization_id = $1 and ($2::integer is null or counted.customer_id = $2) and not exists (
    select from usage_series series
    join billable_metrics metric on metric.id = series.billable_metric_id and metric.organization_id = series.organization_id
    where series.customer_id = counted.customer_id and series.series_id = counted.series_id)`
