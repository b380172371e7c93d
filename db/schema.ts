import type { ColumnType, Generated, JSONColumnType } from 'kysely'
import type { Interval, NamedInterval } from '../shared/calendar/interval.ts'
import type { LateUsagePolicy } from '../shared/invoicing/late-usage-policy.ts'
import type { CorrectedKind, LineKind } from '../shared/invoicing/rated-line.ts'
import type { AggregationName } from '../shared/metering/aggregations.ts'
import type { ChargeModel } from '../shared/pricing/charge-models.ts'
import type { FilterOverride } from '../shared/subscriptions/filter-overrides.ts'
import type { TrialKind, TrialUsage } from '../shared/subscriptions/trial.ts'
import type { AccountKind } from '../shared/transactions/movement.ts'
import type { WebhookEventType } from '../shared/webhooks/event-types.ts'

/** An instant: read as `Temporal.Instant`, written as its ISO text. */
export type Instant = ColumnType<Temporal.Instant, string, string>
type DefaultedInstant = ColumnType<Temporal.Instant, string | undefined, string>
export type NullableInstant = ColumnType<Temporal.Instant | null, string | null | undefined, string | null>
/** `bigint` and `numeric` arrive as text, so that no digit passes through a double. */
type Numeric = ColumnType<string, string, string>
type BigInteger = ColumnType<string, string | bigint, string | bigint>
type DefaultedBigInteger = ColumnType<string, string | bigint | undefined, string | bigint>
type GeneratedId = Generated<string>

export type KeyScope = '*' | 'read' | 'write' | 'events:write'
export type ComponentKind = 'rate' | 'slot' | 'capacity' | 'usage' | 'recurring' | 'one_time'
export type Timing = 'advance' | 'arrears'
export type SubscriptionStatus =
  | 'pending_activation'
  | 'pending_charge'
  | 'trial_active'
  | 'active'
  | 'trial_expired'
  | 'paused'
  | 'suspended'
  | 'cancelled'
  | 'completed'
  | 'superseded'
  | 'errored'
export type InvoiceStatus = 'draft' | 'finalized' | 'voided'
export type InvoiceKind = 'subscription_create' | 'subscription_cycle' | 'debit_note'
/** `recorded`: it moves no money, so nothing is posted. */
export type TransactionStatus = 'pending' | 'posted' | 'recorded'
/** Why nothing is sent to an endpoint: its owner said so, it answered that it is gone, or it failed for days. */
export type WebhookDisabledReason = 'requested' | 'gone' | 'failing'
export type WebhookDeliveryStatus = 'pending' | 'sending' | 'delivered' | 'failed'
/** What a correction does to an event: it counts no more, or as another. */
export type CorrectionKind = 'void' | 'amend'
export type UnprocessedReason =
  | 'customer_not_found'
  | 'metric_not_found'
  | 'subscription_not_found'
  | 'subscription_not_running'
  | 'value_missing'
  | 'value_not_a_number'
  | 'expression_failed'
  | 'duplicate_conflict'
  | 'period_closed'
  | 'processing_failed'

interface OfOrganization {
  organizationId: number
}

interface Stamped {
  createdAt: DefaultedInstant
  updatedAt: DefaultedInstant
}

/** What lines of invoices and of credit notes have in common. */
type InvoiceLineColumns = OfOrganization & {
  customerId: number
  position: number
  id: GeneratedId
  kind: LineKind
  description: string
  priceComponentId: string
  priceId: string
  billableMetricId: string | null
  chargeModel: string | null
  periodStart: Instant
  periodEnd: Instant
  units: Numeric
  eventsCount: BigInteger
  unitAmount: Numeric
  amount: Numeric
  amountMinor: BigInteger
  billedDays: number | null
  periodDays: number | null
  steps: JSONColumnType<readonly Record<string, unknown>[], string | undefined, string>
  adjustments: JSONColumnType<readonly Record<string, unknown>[], string | undefined, string>
  chargeFilterId: string | null
  groupedBy: JSONColumnType<Record<string, string | null>, string | undefined, string>
}

export interface Database {
  organizations: {
    organizationId: Generated<number>
    id: GeneratedId
    name: string
    currency: Generated<string>
    timeZone: Generated<string>
    lateUsage: Generated<LateUsagePolicy>
    createdAt: DefaultedInstant
  }
  apiKeys: OfOrganization & {
    id: GeneratedId
    name: string
    keyPrefix: string
    keyHash: Buffer
    scopes: ColumnType<KeyScope[], KeyScope[] | undefined, KeyScope[]>
    externalCustomerId: string | null
    lastUsedAt: NullableInstant
    createdAt: DefaultedInstant
    revokedAt: NullableInstant
  }
  operators: OfOrganization & { id: GeneratedId; username: string; passwordHash: string; createdAt: DefaultedInstant }
  testClocks: OfOrganization &
    Stamped & { id: GeneratedId; name: string | null; frozenTime: Instant; status: Generated<'ready' | 'advancing'> }
  issuers: OfOrganization &
    Stamped & {
      id: GeneratedId
      code: string
      name: string
      isDefault: Generated<boolean>
      gracePeriodSeconds: Generated<number>
      netPaymentTermDays: Generated<number>
      invoiceNumberPrefix: string
      lastInvoiceNumber: DefaultedBigInteger
      creditNoteNumberPrefix: Generated<string>
      lastCreditNoteNumber: DefaultedBigInteger
    }
  customers: OfOrganization & {
    customerId: Generated<number>
    id: GeneratedId
    externalId: string
    registeredAt: NullableInstant
    name: string | null
    email: string | null
    currency: string | null
    timeZone: string | null
    metadata: JSONColumnType<Record<string, unknown>, string | undefined, string>
    updatedAt: DefaultedInstant
  }
  billableMetrics: OfOrganization &
    Stamped & {
      id: GeneratedId
      code: string
      name: string
      description: string | null
      aggregation: AggregationName
      fieldName: string | null
      expression: string | null
      eventCode: string
      recurring: Generated<boolean>
      roundingMode: 'round' | 'ceil' | 'floor' | null
      roundingPrecision: Generated<number>
      percentile: string | null
      dimensionKeys: Generated<string[]>
      generation: Generated<number>
      countedFrom: DefaultedBigInteger
      rebuildCursor: number | null
      rebuildAt: NullableInstant
      rebuildArrival: string | null
    }
  billableMetricFilters: OfOrganization &
    Stamped & { id: GeneratedId; billableMetricId: string; key: string; allowedValues: string[] }
  plans: OfOrganization &
    Stamped & {
      id: GeneratedId
      code: string
      name: string
      description: string | null
      agentId: ColumnType<number | null, number | undefined, number>
      lateUsage: LateUsagePolicy | null
      archivedAt: NullableInstant
    }
  planVersions: OfOrganization & {
    id: GeneratedId
    planId: string
    version: number
    billingInterval: Interval
    intervalName: NamedInterval | null
    currency: string
    trialPeriodDays: Generated<number>
    trialKind: Generated<TrialKind>
    trialUsage: Generated<TrialUsage>
    publishedAt: NullableInstant
    createdAt: DefaultedInstant
  }
  priceComponents: OfOrganization &
    Stamped & {
      id: GeneratedId
      planVersionId: string
      position: number
      kind: ComponentKind
      name: string
      displayName: string | null
      billableMetricId: string | null
      timing: Generated<Timing>
    }
  prices: OfOrganization & {
    id: GeneratedId
    priceComponentId: string
    cadence: NamedInterval | null
    chargeModel: ChargeModel | null
    properties: JSONColumnType<Record<string, unknown>, string | undefined, string>
    modifiers: JSONColumnType<Record<string, unknown>, string | undefined, string>
    amountMinor: ColumnType<string | null, string | bigint | null, string | bigint | null>
  }
  chargeFilters: OfOrganization & {
    id: GeneratedId
    priceId: string
    position: number
    properties: JSONColumnType<Record<string, unknown>, string | undefined, string>
    displayName: string | null
  }
  chargeFilterConditions: OfOrganization & {
    chargeFilterId: string
    position: number
    billableMetricFilterId: string
    writtenValues: string[]
  }
  subscriptions: OfOrganization &
    Stamped & {
      id: GeneratedId
      customerId: number
      externalId: string
      planVersionId: string
      issuerId: string
      name: string | null
      status: SubscriptionStatus
      billingTime: 'calendar' | 'anniversary'
      ownEventsOnly: Generated<boolean>
      currency: string
      timeZone: string
      startedAt: Instant
      endedAt: NullableInstant
      cancelledAt: NullableInstant
      enteredAt: Instant
      trialEndsAt: NullableInstant
      currentPeriodStart: NullableInstant
      currentPeriodEnd: NullableInstant
      nextBillingAt: NullableInstant
      nextLifecycleAt: NullableInstant
      billingFailedAt: NullableInstant
    }
  usageEvents: OfOrganization & {
    customerId: number
    timestamp: Instant
    eventKey: string
    receivedAt: Instant
    code: string
    source: string
    transactionId: string
    externalSubscriptionId: string | null
    arrival: DefaultedBigInteger
    amountMinor: string | null
    properties: JSONColumnType<Record<string, unknown>, string, string>
  }
  eventKeys: OfOrganization & { customerId: number; eventKey: string; contentHash: BigInteger; timestamp: Instant }
  eventCorrections: OfOrganization & {
    customerId: number
    identity: string
    revision: number
    id: GeneratedId
    eventKey: string
    timestamp: Instant
    kind: CorrectionKind
    reason: string
    replacementKey: string | null
    replacementTimestamp: NullableInstant
    apiKeyId: string
    createdAt: DefaultedInstant
  }
  eventProducers: OfOrganization & {
    id: GeneratedId
    producerId: string
    highestSequence: DefaultedBigInteger
    receivedCount: DefaultedBigInteger
    droppedCount: DefaultedBigInteger
    createdAt: DefaultedInstant
    lastSeenAt: DefaultedInstant
  }
  eventProducerGaps: OfOrganization & {
    eventProducerId: string
    firstSequence: BigInteger
    lastSequence: BigInteger
    missingSince: DefaultedInstant
  }
  usageSeries: OfOrganization & {
    customerId: number
    seriesId: ColumnType<string, never, never>
    billableMetricId: string
    externalSubscriptionId: string | null
    generation: Generated<number>
    dimensions: JSONColumnType<Record<string, string>, string | undefined, string>
    distinctExact: Generated<boolean>
  }
  usageRollups: OfOrganization & {
    customerId: number
    seriesId: BigInteger
    level: 0 | 1
    bucket: number
    eventsCount: BigInteger
    valueSum: Numeric
    valueMax: string | null
    valueMin: string | null
    valueTimeSum: string | null
    latestAt: NullableInstant
    latestArrival: string | null
    latestValue: string | null
    distinctValues: string | null
    distinctPresent: string | null
  }
  usageDistinctValues: OfOrganization & {
    customerId: number
    seriesId: BigInteger
    valueHash: string
    lastAt: Instant
    lastArrival: BigInteger
    isPresent: boolean
  }
  unprocessedEvents: OfOrganization & {
    customerId: number
    id: GeneratedId
    eventKey: string
    timestamp: Instant
    code: string
    transactionId: string
    billableMetricId: string | null
    reason: UnprocessedReason
    details: JSONColumnType<Record<string, unknown>, string | undefined, string>
    createdAt: DefaultedInstant
  }
  unprocessedAlerts: OfOrganization & {
    reason: UnprocessedReason
    unannouncedEvents: BigInteger
    since: NullableInstant
    announcedAt: NullableInstant
  }
  touchedCustomers: OfOrganization & { customerId: number; touchedAt: Instant; earliestAt: NullableInstant }
  unpricedCustomers: OfOrganization & { customerId: number; unpricedAt: DefaultedInstant }
  archivedUsage: OfOrganization & {
    month: ColumnType<string, string, never>
    folder: string
    eventsCount: BigInteger
    manifestSha256: string
    archivedAt: DefaultedInstant
  }
  runningCharges: OfOrganization & {
    customerId: number
    subscriptionId: string
    position: number
    priceComponentId: string
    chargeFilterId: string | null
    groupedBy: JSONColumnType<Record<string, string | null>, string | undefined, string>
    periodStart: Instant
    periodEnd: Instant
    units: Numeric
    eventsCount: BigInteger
    amount: Numeric
    currency: string
    pricedAt: Instant
    writtenAt: DefaultedInstant
  }
  invoices: OfOrganization &
    Stamped & {
      customerId: number
      id: GeneratedId
      issuerId: string
      subscriptionId: string | null
      kind: InvoiceKind
      periodStart: Instant
      periodEnd: Instant
      timeZone: string
      sequence: Generated<number>
      holdsClaim: Generated<boolean>
      status: InvoiceStatus
      number: string | null
      currency: string
      subtotalMinor: BigInteger
      taxMinor: DefaultedBigInteger
      totalMinor: BigInteger
      issuedAt: Instant
      finalizeAt: NullableInstant
      finalizedAt: NullableInstant
      dueAt: NullableInstant
      billingFailedAt: NullableInstant
      correctsInvoiceId: string | null
    }
  invoiceLines: InvoiceLineColumns & {
    invoiceId: string
    correctsInvoiceId: string | null
    correctedKind: CorrectedKind | null
  }
  creditNotes: OfOrganization & {
    customerId: number
    id: GeneratedId
    issuerId: string
    subscriptionId: string | null
    invoiceId: string
    sequence: number
    number: string
    reason: 'late_usage'
    currency: string
    subtotalMinor: BigInteger
    taxMinor: DefaultedBigInteger
    totalMinor: BigInteger
    issuedAt: Instant
    createdAt: DefaultedInstant
  }
  creditNoteLines: InvoiceLineColumns & {
    creditNoteId: string
    correctsInvoiceId: string
    correctedKind: CorrectedKind
  }
  reopenedPeriods: OfOrganization & {
    customerId: number
    invoiceId: string
    subscriptionId: string
    reopenedAt: Instant
    billingFailedAt: NullableInstant
    /** Whether the next invoice of the subscription bills it, so that it gets no note. */
    awaitsInvoice: Generated<boolean>
  }
  invoicePaymentStates: OfOrganization & {
    customerId: number
    invoiceId: string
    status: 'pending' | 'paid' | 'failed' | 'uncollectible'
    amountPaidMinor: DefaultedBigInteger
    updatedAt: DefaultedInstant
  }
  ledgerAccounts: OfOrganization & {
    id: GeneratedId
    customerId: number | null
    agentId: number | null
    kind: 'receivable' | 'tax_payable' | AccountKind
    currency: string
    createdAt: DefaultedInstant
  }
  ledgerBalances: OfOrganization & { accountId: string; balanceMinor: Numeric; updatedAt: DefaultedInstant }
  ledgerPostings: OfOrganization & {
    id: GeneratedId
    customerId: number | null
    debitAccountId: string
    creditAccountId: string
    amountMinor: Numeric
    currency: string
    reason: string
    referenceKind: string
    referenceId: string
    postedAt: Instant
  }
  agents: OfOrganization & {
    agentId: Generated<number>
    id: GeneratedId
    externalId: string
    createdAt: DefaultedInstant
  }
  subscriptionPriceOverrides: OfOrganization & {
    subscriptionId: string
    priceComponentId: string
    amountMinor: ColumnType<string | null, string | bigint | null, string | bigint | null>
    properties: JSONColumnType<Record<string, unknown> | null, string | null, string | null>
    modifiers: JSONColumnType<Record<string, unknown> | null, string | null, string | null>
    displayName: string | null
    filters: JSONColumnType<readonly FilterOverride[] | null, string | null, string | null>
    createdAt: DefaultedInstant
  }
  transactions: OfOrganization & {
    id: GeneratedId
    referenceId: string
    type: string
    amount: Numeric
    currency: string
    agentId: number | null
    customerId: number | null
    description: string | null
    status: TransactionStatus
    createdAt: DefaultedInstant
    postedAt: NullableInstant
  }
  outbox: OfOrganization & {
    id: Generated<string>
    topic: string
    payload: JSONColumnType<Record<string, unknown>, string, string>
    createdAt: DefaultedInstant
    relayedAt: NullableInstant
  }
  webhookEndpoints: OfOrganization &
    Stamped & {
      id: GeneratedId
      url: string
      description: string | null
      eventTypes: WebhookEventType[] | null
      sealedSecret: Buffer
      previousSealedSecret: Buffer | null
      previousSecretEndsAt: NullableInstant
      enabled: Generated<boolean>
      disabledReason: WebhookDisabledReason | null
      failingSince: NullableInstant
    }
  webhookMessages: OfOrganization & {
    id: GeneratedId
    outboxId: string
    type: WebhookEventType
    occurredAt: Instant
    body: string | null
    createdAt: DefaultedInstant
  }
  webhookDeliveries: OfOrganization &
    Stamped & {
      id: GeneratedId
      webhookMessageId: string
      webhookEndpointId: string
      status: Generated<WebhookDeliveryStatus>
      failures: Generated<number>
      nextAttemptAt: NullableInstant
      attemptId: string | null
    }
  webhookAttempts: OfOrganization & {
    id: GeneratedId
    webhookDeliveryId: string
    startedAt: Instant
    finishedAt: NullableInstant
    responseStatus: number | null
    error: string | null
  }
}
