import { AppError, type ErrorCode } from '../../shared/errors.ts'

const ABOUT_ALL: readonly ErrorCode[] = ['ingest_overloaded', 'queue_unavailable']

/** A failure in the words of a stream, of which a beginning is durable: elsewhere it speaks of all that was sent. */
export function failureOfStream(failure: unknown): unknown {
  if (!(failure instanceof AppError) || !ABOUT_ALL.includes(failure.code)) return failure
  const [reason] = failure.message.split('; ')
  const told = new AppError(
    failure.code,
    `${reason}; nothing is promised of the lines after durable_lines, send them again`,
  )
  told.retryAfterSeconds = failure.retryAfterSeconds
  told.cause = failure.cause
  return told
}
