import type { Statements } from '../statements.ts'

/** How many rows of a customer were corrected so far; none of that is ever taken back. */
export async function countCorrections(
  client: Statements,
  organizationId: number,
  customerId: number,
): Promise<number> {
  const { rows } = await client.query<{ corrections: string }>(
    `select count(*)::text as corrections from event_corrections where organization_id = $1 and customer_id = $2`,
    [organizationId, customerId],
  )
  return Number(rows[0]?.corrections ?? 0)
}

/** Those of a customer's rows that were corrected. */
export async function findCorrectedKeys(
  client: Statements,
  organizationId: number,
  { customerId, eventKeys }: { readonly customerId: number; readonly eventKeys: readonly string[] },
): Promise<ReadonlySet<string>> {
  const { rows } = await client.query<{ eventKey: string }>(
    `select event_key::text as "eventKey" from event_corrections
     where organization_id = $1 and customer_id = $2 and event_key = any($3::uuid[])`,
    [organizationId, customerId, eventKeys],
  )
  return new Set(rows.map(({ eventKey }) => eventKey))
}
