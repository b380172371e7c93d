import Type from 'typebox'
import type { ChargeOfEvent, CountedTowards } from '../../db/corrections/counted-towards.ts'
import type { EventRevision } from '../../db/corrections/event-history.ts'
import type { ExplainedEvent } from '../../db/corrections/explain-event.ts'
import { isoOfMicros } from '../../shared/metering/timestamp.ts'
import { CHARGE_IN_PERIOD, chargeInPeriodView } from './charge-in-period.ts'
import { Choice, JsonObject, Nullable, Output, Time, Uuid } from './common.ts'
import { UnprocessedReason } from './event.ts'
import { REVISION_WITH_STATUS } from './event-revision.ts'
import { eventStatus, madeCorrectionView } from './made-correction.ts'

const ChargeAnswer = Output('ChargeOfEvent', {
  ...CHARGE_IN_PERIOD,
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
  revisions: Type.Array(Output('ExplainedRevision', REVISION_WITH_STATUS), {
    description: 'What was sent, then each amendment.',
  }),
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

function chargeView({ lines, ...charge }: ChargeOfEvent) {
  return {
    ...chargeInPeriodView(charge),
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
