import { AppError } from '../../shared/errors.ts'

/**
 * The refusal of events that cannot be taken in now. Those who ask are told to wait from the given seconds to three
 * times as long, so that they do not all come back at once.
 */
export function ingestOverloaded(reason: string, leastSeconds: number): AppError {
  const error = new AppError('ingest_overloaded', `${reason}; nothing was accepted, send it again later`)
  error.retryAfterSeconds = Math.ceil(leastSeconds * (1 + 2 * Math.random()))
  return error
}
