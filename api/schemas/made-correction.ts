import Type from 'typebox'
import type { EventCorrection } from '../../db/corrections/event-history.ts'
import { Choice, Output, Time, Uuid } from './common.ts'

/** What was done to a row of an event, when, by whom and why. */
export const MadeCorrection = Output('MadeCorrection', {
  id: Uuid,
  kind: Choice(['void', 'amend']),
  reason: Type.String(),
  api_key_id: Type.String({ format: 'uuid', description: 'The key it was asked for with.' }),
  created_at: Time,
})

export function madeCorrectionView({ id, kind, reason, apiKeyId, createdAt }: EventCorrection) {
  return { id, kind, reason, api_key_id: apiKeyId, created_at: createdAt.toString() }
}

/** What became of a row of an event. */
export function eventStatus(correction: Pick<EventCorrection, 'kind'> | null): 'live' | 'voided' | 'amended' {
  if (correction === null) return 'live'
  return correction.kind === 'void' ? 'voided' : 'amended'
}
