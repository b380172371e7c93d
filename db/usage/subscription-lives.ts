import type { SubscriptionLife } from '../../shared/metering/subscription-lives.ts'
import { microsOfInstant } from '../../shared/metering/timestamp.ts'
import type { Statements } from '../statements.ts'

/** A subscription as events name it. */
export interface NamedSubscription {
  readonly customerId: number
  readonly externalSubscriptionId: string
}

/** When the subscriptions of each name ran, by position; one that was cancelled before its start has an empty life. */
export async function listSubscriptionLives(
  client: Statements,
  organizationId: number,
  named: readonly NamedSubscription[],
): Promise<readonly (readonly SubscriptionLife[])[]> {
  if (named.length === 0) return []
  const { rows } = await client.query<{
    position: string
    startedAt: Temporal.Instant
    endedAt: Temporal.Instant | null
  }>(
    `select named.position, subscription.started_at as "startedAt", subscription.ended_at as "endedAt"
     from unnest($2::integer[], $3::text[]) with ordinality as named (customer_id, external_id, position)
     join subscriptions subscription on subscription.organization_id = $1
       and subscription.customer_id = named.customer_id and subscription.external_id = named.external_id`,
    [organizationId, named.map((name) => name.customerId), named.map((name) => name.externalSubscriptionId)],
  )
  const lives = named.map((): SubscriptionLife[] => [])
  for (const { position, startedAt, endedAt } of rows) {
    lives[Number(position) - 1]?.push({
      startMicros: microsOfInstant(startedAt),
      endMicros: endedAt === null ? Infinity : microsOfInstant(endedAt),
    })
  }
  return lives
}
