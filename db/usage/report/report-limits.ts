import { sql } from 'kysely'
import { AppError } from '../../../shared/errors.ts'
import type { OrganizationTransaction } from '../../connection.ts'
import type { UsageReportLimits } from './usage-report.ts'

/** What one report may cost. */
export const USAGE_REPORT_LIMITS: UsageReportLimits = {
  rows: 10_000,
  windows: 50_000,
  events: 50_000,
  statementMs: 10_000,
}

/** Throws `usage_report_too_large` when there are more rows than a report may have. */
export function refuseRows(count: number, { rows }: UsageReportLimits): void {
  if (count > rows) throw tooLarge(`it has more than ${rows} rows`)
}

/** The refusal of a report, with what would make it smaller. */
export function tooLarge(reason: string): AppError {
  const remedy = 'ask for a shorter range, longer windows, fewer groups or fewer customers'
  return new AppError('usage_report_too_large', `the report is too large: ${reason}; ${remedy}`)
}

const QUERY_CANCELED = '57014'

/** Runs the statements of a report, none of which may take longer than its limit; the transaction ends with the refusal. */
export async function withinTime<Result>(
  transaction: OrganizationTransaction,
  { statementMs }: UsageReportLimits,
  work: () => Promise<Result>,
): Promise<Result> {
  await sql`select set_config('statement_timeout', ${String(statementMs)}, true)`.execute(transaction)
  try {
    return await work()
  } catch (error) {
    if ((error as { code?: string }).code !== QUERY_CANCELED) throw error
    throw tooLarge(`it took longer than ${statementMs / 1000} seconds`)
  }
}
