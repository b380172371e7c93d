import Type from 'typebox'
import type { ChargeOfEvent, CountedTowards } from '../../db/corrections/counted-towards.ts'
import type { EventRevision } from '../../db/corrections/event-history.ts'
import type { ExplainedEvent } from '../../db/corrections/explain-event.ts'
import { isoOfMicros } from '../../shared/metering/timestamp.ts'
import { Choice, Decimal, JsonObject, Nullable, Output, Time, Uuid } from './common.ts'
import { UnprocessedReason } from './event.ts'
import { eventStatus, MadeCorrection, madeCorrectionView } from './made-correction.ts'

/** One row of an event, as it was sent or amended. */
export const REVISION = {
  revision: Type.Integer({ description: '1 is what was sent; each amendment adds one.' }),
  external_subscription_id: Nullable(Type.String()),
  code: Type.String(),
  timestamp: Time,
  received_at: Time,
  precise_total_amount_cents: Nullable(Decimal),
  properties: JsonObject,
}

const ChargeAnswer = Output('ChargeOfEvent', {
  subscription_id: Uuid,
  external_subscription_id: Type.String(),
  charge_id: Uuid,
  charge_filter_id: Nullable(
    Type.String({ format: 'uuid', description: 'The filter of the charge that the event matches best; null: none.' }),
  ),
  grouped_by: Type.Record(Type.String(), Nullable(Type.String()), {
    description: 'The values of the pricing group keys; null where the event has no such property.',
  }),
  description: Type.String({ description: 'As on the line of an invoice.' }),
  period_start: Time,
  period_end: Time,
  invoice_id: Nullable(
    Type.String({ format: 'uuid', description: 'The invoice of the period; null while the period runs.' }),
  ),
  lines: Type.Array(
    Output('LineOfEvent', {
      id: Uuid,
      kind: Type.String({ description: 'As on the invoice; `late_usage` and `usage_credit` correct it.' }),
      document: Choice(['invoice', 'credit_note']),
      document_id: Uuid,
      number: Nullable(Type.String()),
      status: Choice(['draft', 'finalized', 'voided']),
    }),
    {
      description:
        'What bills it: the line of its invoice, then those that correct it. A draft is rated when it is final.',
    },
  ),
})

export const ExplainedEventAnswer = Output('ExplainedEvent', {
  transaction_id: Type.String(),
  source: Type.String(),
  external_customer_id: Type.String(),
  status: Choice(['live', 'voided'], { description: 'live: its last revision counts.' }),
  revisions: Type.Array(
    Output('ExplainedRevision', {
      ...REVISION,
      status: Choice(['live', 'voided', 'amended']),
      correction: Nullable(MadeCorrection),
    }),
    { description: 'What was sent, then each amendment.' },
  ),
  counted_towards: Type.Array(
    Output('CountedTowards', {
      billable_metric_code: Type.String(),
      value: Type.String({ description: 'What the metric read of the event: a decimal, or the item that is counted.' }),
      dimensions: Type.Record(Type.String(), Type.String(), {
        description: 'The values of the properties that prices or groups of the metric tell apart.',
      }),
      charges: Type.Array(ChargeAnswer, { description: 'None: no charge of a period prices it.' }),
    }),
    { description: 'One per metric that counts it. While a metric is counted anew, it may still be missing.' },
  ),
  unprocessed: Type.Array(
    Output('UnprocessedEntry', {
      id: Uuid,
      billable_metric_code: Nullable(Type.String()),
      reason: UnprocessedReason,
      details: JsonObject,
      created_at: Time,
    }),
    { description: 'What could not be counted of it, and why.' },
  ),
})

export function revisionView({ revision, receivedAt, event }: EventRevision) {
  return {
    revision,
    external_subscription_id: event.externalSubscriptionId,
    code: event.code,
    timestamp: Temporal.Instant.from(isoOfMicros(event.timestampMicros)).toString(),
    received_at: receivedAt,
    precise_total_amount_cents: event.preciseTotalAmountCents ?? null,
    properties: event.properties,
  }
}

export function explainedView({ revisions, countedTowards, unprocessed }: ExplainedEvent) {
  const isLive = revisions.some(({ correction }) => correction === null)
  return {
    status: isLive ? ('live' as const) : ('voided' as const),
    revisions: revisions.map((revision) => ({
      ...revisionView(revision),
      status: eventStatus(revision.correction),
      correction: revision.correction && madeCorrectionView(revision.correction),
    })),
    counted_towards: countedTowards.map(countedView),
    unprocessed: unprocessed.map(({ id, billableMetricCode, reason, details, createdAt }) => ({
      id,
      billable_metric_code: billableMetricCode,
      reason,
      details,
      created_at: createdAt.toString(),
    })),
  }
}

function countedView({ metricCode, value, dimensions, charges }: CountedTowards) {
  return { billable_metric_code: metricCode, value, dimensions, charges: charges.map(chargeView) }
}

function chargeView({ subscription, lines, ...charge }: ChargeOfEvent) {
  return {
    subscription_id: subscription.id,
    external_subscription_id: subscription.externalId,
    charge_id: charge.componentId,
    charge_filter_id: charge.filterId,
    grouped_by: charge.groupedBy,
    description: charge.description,
    period_start: charge.periodStart.toString(),
    period_end: charge.periodEnd.toString(),
    invoice_id: charge.invoiceId,
    lines: lines.map(({ id, kind, document, documentId, number, status }) => ({
      id,
      kind,
      document,
      document_id: documentId,
      number,
      status,
    })),
  }
}
