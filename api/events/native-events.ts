import { parseUsageEvent } from '../../shared/metering/usage-event.ts'
import { type EventFormat, listFault, MAX_BATCH_EVENTS } from './accept-events.ts'
import { requireEnvelope } from './envelope.ts'
import { readPlainBatch } from './plain-events.ts'

/** Events in our own words, in an envelope that names them. */
export const NATIVE_EVENTS: EventFormat = {
  requireList: (body) => ({ values: requireEnvelope(body, 'events', listFault) as unknown[], loc: ['body', 'events'] }),
  parse: parseUsageEvent,
  idField: 'transaction_id',
  readPlain: (body, receivedAtMicros) => readPlainBatch(body, { most: MAX_BATCH_EVENTS, receivedAtMicros }),
}
