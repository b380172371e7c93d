import Type from 'typebox'
import { Input, Name, Nullable, Output } from './common.ts'
import { UsageEventInput } from './event.ts'
import { REVISION } from './event-revision.ts'
import { MadeCorrection } from './made-correction.ts'

const SOURCE = Type.String({ maxLength: 255, description: 'Where the event comes from; empty when left out.' })

/** Which event is meant: its transaction id stands in the path. */
export const EventParams = Type.Object({ transaction_id: Type.String({ minLength: 1, maxLength: 255 }) })

export const EventQuery = Type.Object({ external_customer_id: Name, source: Type.Optional(SOURCE) })

const CORRECTION = {
  external_customer_id: Name,
  source: Type.Optional(SOURCE),
  reason: Type.String({ minLength: 1, maxLength: 500, description: 'Why; kept with the event.' }),
}

export const CorrectionInput = Input('EventVoid', CORRECTION, {
  examples: [{ external_customer_id: 'acme', reason: 'a load test, not usage' }],
})

const { code, external_subscription_id, precise_total_amount_cents, properties } = UsageEventInput.properties

/** Documents the body; the event in it is read by hand, as one that is sent. */
export const AmendmentInput = Input(
  'EventAmendment',
  {
    ...CORRECTION,
    event: Input(
      'AmendedEvent',
      {
        code: Type.Optional(code),
        external_subscription_id,
        timestamp: Type.Optional(
          Type.Union([Type.String(), Type.Number()], {
            description: 'RFC 3339 with an offset, or seconds since 1970.',
          }),
        ),
        precise_total_amount_cents,
        properties,
      },
      { description: 'What is said anew. Fields that are left out stay; properties are replaced as a whole.' },
    ),
  },
  {
    examples: [
      {
        external_customer_id: 'acme',
        reason: 'counted cached tokens as input',
        event: { properties: { model: 'large', usage: { input_tokens: 200, output_tokens: 85 } } },
      },
    ],
  },
)

const RevisionAnswer = Output('EventRevision', REVISION)

export const EventCorrectionAnswer = Output('EventCorrection', {
  ...MadeCorrection.properties,
  transaction_id: Type.String(),
  source: Type.String(),
  external_customer_id: Type.String(),
  corrected: RevisionAnswer,
  replacement: Nullable(RevisionAnswer),
})
