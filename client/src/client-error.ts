/**
 * What can go wrong. `record` and `openClient` throw those that concern the caller's own doing; the others reach `onError`
 * while the events wait in the spool.
 */
export type ClientErrorCode =
  | 'invalid_option'
  | 'invalid_event'
  | 'event_too_large'
  | 'too_many_waiting'
  | 'spool_full'
  | 'spool_locked'
  | 'spool_lock_lost'
  | 'spool_unreadable'
  | 'spool_damaged'
  | 'spool_write_failed'
  | 'closed'
  | 'flush_timed_out'
  | 'unauthorized'
  | 'overloaded'
  | 'unreachable'
  | 'unexpected_answer'
  | 'rejected_events_discarded'

/** An error with a code of the list; the message names the thing and the fix. */
export class ClientError extends Error {
  readonly code: ClientErrorCode

  constructor(code: ClientErrorCode, message: string, cause?: unknown) {
    super(message, cause === undefined ? {} : { cause })
    this.name = 'ClientError'
    this.code = code
  }
}
