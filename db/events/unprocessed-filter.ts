import type { Nullable, SelectQueryBuilder } from 'kysely'
import type { OrganizationTransaction } from '../connection.ts'
import { instantValue } from '../instant.ts'
import type { Database, UnprocessedReason } from '../schema.ts'

/** Which entries are meant; what is absent excludes none. */
export interface UnprocessedFilter {
  readonly reason?: UnprocessedReason | undefined
  readonly externalCustomerId?: string | undefined
  readonly billableMetricCode?: string | undefined
  /** The event code. */
  readonly code?: string | undefined
  /** Time of the event, half-open. */
  readonly from?: Temporal.Instant | undefined
  readonly to?: Temporal.Instant | undefined
}

type Joined = Database & {
  e: Database['unprocessedEvents']
  c: Database['customers']
  m: Nullable<Database['billableMetrics']>
}

/** The entries of an organization that a filter leaves, with customer and metric at hand. */
export function selectUnprocessed(
  transaction: OrganizationTransaction,
  organizationId: number,
  { reason, externalCustomerId, billableMetricCode, code, from, to }: UnprocessedFilter,
): SelectQueryBuilder<Joined, 'e' | 'c' | 'm', object> {
  return transaction
    .selectFrom('unprocessedEvents as e')
    .innerJoin('customers as c', 'c.customerId', 'e.customerId')
    .leftJoin('billableMetrics as m', 'm.id', 'e.billableMetricId')
    .where('e.organizationId', '=', organizationId)
    .$if(reason !== undefined, (query) => query.where('e.reason', '=', reason as UnprocessedReason))
    .$if(externalCustomerId !== undefined, (query) => query.where('c.externalId', '=', externalCustomerId ?? ''))
    .$if(billableMetricCode !== undefined, (query) => query.where('m.code', '=', billableMetricCode ?? ''))
    .$if(code !== undefined, (query) => query.where('e.code', '=', code ?? ''))
    .$if(from !== undefined, (query) => query.where('e.timestamp', '>=', instantValue(from as Temporal.Instant)))
    .$if(to !== undefined, (query) => query.where('e.timestamp', '<', instantValue(to as Temporal.Instant)))
}
