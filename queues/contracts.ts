import { type Static, type TSchema, Type } from 'typebox'

/** What a queue carries and how its jobs are retried. */
export interface QueueContract<Payload extends TSchema = TSchema> {
  readonly payload: Payload
  /**
   * Queues of this name with a number behind it. All jobs of an organization go to one, which gives them out in the order in
   * which they came.
   */
  readonly partitions: number
  /** Runs before a job is a visible dead letter. */
  readonly attempts: number
  /** First delay before a retry; it doubles up to `MAX_BACKOFF_MS`. */
  readonly backoffMs: number
  /** Finished jobs that stay to be looked at; while one stays, its id cannot be queued again. */
  readonly keptCompleted: number
}

export const MAX_BACKOFF_MS = 30_000

const KEPT_COMPLETED = 50

const OrganizationId = Type.Integer({ minimum: 1 })
const Ids = Type.Array(Type.String({ format: 'uuid' }), { minItems: 1, maxItems: 2000 })

/** The one list of queues: name, payload, retries, partitions. A worker of the same name takes each. */
export const QUEUES = {
  /** Events of one organization: their records, compressed with zstd, base64. */
  'aggregate-usage': contract({
    payload: Type.Object({
      organizationId: OrganizationId,
      receivedAt: Type.String(),
      /** How many events there are, to be known before they are unpacked. */
      count: Type.Integer({ minimum: 1 }),
      events: Type.String(),
    }),
    partitions: 1,
    attempts: 40,
    backoffMs: 100,
    // Dozens end at once, and each is in the log.
    keptCompleted: 0,
  }),
  /** Prices the running period of every customer marked as touched. */
  'price-usage': contract({ payload: Type.Object({}), partitions: 1, attempts: 3, backoffMs: 200 }),
  /** Finds what is due, or bills one chunk of it. */
  'issue-invoices': contract({
    payload: Type.Union([
      Type.Object({ task: Type.Literal('find-due') }),
      Type.Object({ task: Type.Literal('issue'), organizationId: OrganizationId, subscriptionIds: Ids }),
      Type.Object({ task: Type.Literal('note'), organizationId: OrganizationId, invoiceIds: Ids }),
      Type.Object({
        task: Type.Literal('finalize'),
        organizationId: OrganizationId,
        /** Whose drafts they are. */
        customerIds: Type.Array(Type.Integer(), { minItems: 1, maxItems: 2000 }),
        invoiceIds: Ids,
      }),
    ]),
    partitions: 1,
    attempts: 20,
    backoffMs: 200,
    // What a job had to leave, because another worker held it, is due again under the same id.
    keptCompleted: 0,
  }),
  /** Starts and ends that are due, and test clocks that have arrived. */
  'run-lifecycle': contract({ payload: Type.Object({}), partitions: 1, attempts: 3, backoffMs: 200 }),
  /**
   * Counts stored events: those from before their metric, and those that could not be counted when they came. Lists those
   * that come after the end that their subscription got.
   */
  'rebuild-usage': contract({
    payload: Type.Union([
      Type.Object({}, { additionalProperties: false }),
      Type.Object({ task: Type.Literal('resolve'), organizationId: OrganizationId, customerIds: Ids }),
      Type.Object({ task: Type.Literal('list-after-end'), organizationId: OrganizationId, subscriptionIds: Ids }),
      Type.Object({
        task: Type.Literal('retry'),
        organizationId: OrganizationId,
        /** Entries as they are listed, up to this one. */
        upTo: Type.String({ format: 'uuid' }),
        id: Type.Optional(Type.String({ format: 'uuid' })),
        reason: Type.Optional(Type.String()),
        externalCustomerId: Type.Optional(Type.String()),
        billableMetricCode: Type.Optional(Type.String()),
        code: Type.Optional(Type.String()),
        from: Type.Optional(Type.String()),
        to: Type.Optional(Type.String()),
      }),
    ]),
    partitions: 1,
    attempts: 10,
    backoffMs: 200,
  }),
  /** Posts every transaction that is pending. */
  'post-transactions': contract({ payload: Type.Object({}), partitions: 1, attempts: 20, backoffMs: 200 }),
  /** Composes messages and sends what is due to webhook endpoints. */
  'deliver-webhooks': contract({ payload: Type.Object({}), partitions: 1, attempts: 3, backoffMs: 200 }),
  /** Turns outbox rows into jobs. */
  'relay-outbox': contract({ payload: Type.Object({}), partitions: 1, attempts: 3, backoffMs: 200 }),
} as const satisfies Record<string, QueueContract>

export type QueueName = keyof typeof QUEUES
export type Payload<Name extends QueueName> = Static<(typeof QUEUES)[Name]['payload']>

/** The names that the broker knows: the queue's own, or one per partition. */
export function partitionNames(name: QueueName): readonly string[] {
  const { partitions } = QUEUES[name]
  if (partitions === 1) return [name]
  return Array.from({ length: partitions }, (_, partition) => `${name}-${partition}`)
}

function contract<Payload extends TSchema>(
  definition: Omit<QueueContract<Payload>, 'keptCompleted'> & { readonly keptCompleted?: number },
): QueueContract<Payload> {
  return { keptCompleted: KEPT_COMPLETED, ...definition }
}
