import Type from 'typebox'
import { Input, ListOf, Output, Time, Uuid } from './common.ts'

const Sequence = Type.Integer({ minimum: 1, maximum: Number.MAX_SAFE_INTEGER })
const ProducerId = Type.String({ minLength: 1, maxLength: 255 })

export const EventProducerList = ListOf(
  'EventProducerList',
  Output('EventProducer', {
    id: Uuid,
    producer_id: ProducerId,
    highest_sequence: Type.Integer(),
    received_count: Type.Integer({ description: 'Different sequences; what was sent again is not counted again.' }),
    dropped_count: Type.Integer({ description: 'Sequences that the producer said it will never send.' }),
    missing_count: Type.Integer(),
    gaps_count: Type.Integer(),
    gaps: Type.Array(
      Output('EventProducerGap', {
        first_sequence: Sequence,
        last_sequence: Sequence,
        missing_since: Time,
        missing_for_seconds: Type.Integer(),
      }),
      { description: 'The first 100, lowest first. Both ends are missing.' },
    ),
    created_at: Time,
    last_seen_at: Time,
  }),
)

const DroppedRange = Input('DroppedRange', { first_sequence: Sequence, last_sequence: Sequence })

export const DroppedSequences = Input(
  'DroppedSequences',
  { producer_id: ProducerId, ranges: Type.Array(DroppedRange, { minItems: 1, maxItems: 5_000 }) },
  { examples: [{ producer_id: 'gateway-eu.5f0c', ranges: [{ first_sequence: 17, last_sequence: 17 }] }] },
)

export const DroppedAccepted = Output('DroppedAccepted', { producer_id: ProducerId })
