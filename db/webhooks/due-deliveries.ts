import { sql } from 'kysely'
import type { Connection } from '../connection.ts'

/** A delivery that this process sends now: nobody else does, until the lease is over. */
export interface ClaimedDelivery {
  readonly deliveryId: string
  readonly attemptId: string
  readonly organizationId: number
  readonly messageId: string
  readonly body: string
  /** Attempts that were found to have failed. */
  readonly failures: number
  readonly endpointId: string
  readonly url: string
  readonly sealedSecret: Buffer
  readonly previousSealedSecret: Buffer | null
  readonly previousSecretEndsAt: Temporal.Instant | null
}

export interface ClaimRequest {
  readonly now: Temporal.Instant
  /** When a claimed delivery is due again, if by then nobody has told how it went. */
  readonly leaseEndsAt: Temporal.Instant
  readonly limit: number
  /** How many deliveries to one endpoint are under way at once, at most. */
  readonly perEndpoint: number
  /** Whether endpoints that failed last time are asked for, or all the others. */
  readonly failing: boolean
}

/**
 * Takes deliveries that are due, over all organizations, and writes down that they are being sent: a process that dies
 * leaves a delivery that is sent again, never one that is lost. Each endpoint has its own share, so that one with a
 * thousand deliveries holds up no other.
 */
export async function claimDeliveries(
  connection: Connection,
  { now, leaseEndsAt, limit, perEndpoint, failing }: ClaimRequest,
): Promise<ClaimedDelivery[]> {
  const { rows } = await sql<ClaimedDelivery>`
    with due as (
      select first.id
      from webhook_endpoints endpoint
      cross join lateral (
        select id, next_attempt_at from webhook_deliveries
        where webhook_endpoint_id = endpoint.id and next_attempt_at <= ${now.toString()}
        order by next_attempt_at, id
        limit greatest(0, ${perEndpoint} - (
          select count(*) from webhook_deliveries sending
          where sending.webhook_endpoint_id = endpoint.id and sending.status = 'sending'
            and sending.next_attempt_at > ${now.toString()}))
        for update skip locked
      ) first
      where endpoint.enabled and (endpoint.failing_since is not null) = ${failing}
      order by first.next_attempt_at, first.id
      limit ${limit}
    ),
    claimed as (
      update webhook_deliveries delivery
      set status = 'sending', next_attempt_at = ${leaseEndsAt.toString()}, attempt_id = uuidv7(), updated_at = now()
      from due where delivery.id = due.id
      returning delivery.*
    ),
    begun as (
      insert into webhook_attempts (id, organization_id, webhook_delivery_id, started_at)
      select attempt_id, organization_id, id, ${now.toString()} from claimed
    )
    select claimed.id as delivery_id, claimed.attempt_id, claimed.organization_id, claimed.failures, message.id as message_id,
      message.body, endpoint.id as endpoint_id, endpoint.url, endpoint.sealed_secret, endpoint.previous_sealed_secret,
      endpoint.previous_secret_ends_at
    from claimed
    join webhook_messages message on message.id = claimed.webhook_message_id
    join webhook_endpoints endpoint on endpoint.id = claimed.webhook_endpoint_id`.execute(connection)
  return rows
}
