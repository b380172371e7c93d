import type { Pool } from 'pg'
import { METRICS } from './bench-metrics.ts'
import type { AnsweredLine } from './request-times.ts'

/** Throws unless the lines have the units that plain SQL finds over all events of the customer. */
export async function requireExactUnits(
  pool: Pool,
  { organizationId, customer }: { organizationId: number; customer: string },
  lines: readonly AnsweredLine[],
): Promise<void> {
  const answered = lines.map(
    ({ billable_metric_code: code, grouped_by, units }) =>
      `${code} ${grouped_by.model ?? ''} ${Number(units).toFixed(6)}`,
  )
  const expected: string[] = []
  for (const { code, isGrouped, units } of METRICS) {
    const { rows } = await pool.query<{ line: string }>(
      `select concat_ws(' ', $3::text, ${isGrouped ? 'model' : `''`}, round((${units})::numeric, 6)::text) as line
       from bench_drawn
       where customer_id = (select customer_id from customers where organization_id = $1 and external_id = $2)
       ${isGrouped ? 'group by model' : ''}`,
      [organizationId, customer, code],
    )
    for (const { line } of rows) expected.push(line)
  }
  const difference = answered.toSorted().join('\n') === expected.toSorted().map(sixDigits).join('\n')
  if (!difference) throw new Error(`answered:\n${answered.join('\n')}\ninstead of:\n${expected.join('\n')}`)
}

function sixDigits(line: string): string {
  const [code = '', model = '', units = ''] = line.split(' ')
  return `${code} ${model} ${Number(units).toFixed(6)}`
}
