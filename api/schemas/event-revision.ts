import Type from 'typebox'
import { Choice, Decimal, JsonObject, Nullable, Time } from './common.ts'
import { MadeCorrection } from './made-correction.ts'

/** One row of an event, as it was sent or amended. */
export const REVISION = {
  external_subscription_id: Nullable(Type.String()),
  code: Type.String(),
  timestamp: Time,
  received_at: Time,
  precise_total_amount_cents: Nullable(Decimal),
  properties: JsonObject,
  revision: Type.Integer({ description: '1 is what was sent; each amendment adds one.' }),
}

/** A row with what became of it. */
export const REVISION_WITH_STATUS = {
  ...REVISION,
  status: Choice(['live', 'voided', 'amended'], {
    description: 'live: it counts. amended: the next revision counts in its place.',
  }),
  correction: Nullable(MadeCorrection),
}
