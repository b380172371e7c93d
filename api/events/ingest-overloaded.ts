import { AppError } from '../../shared/errors.ts'
import { retryAfterSeconds } from '../overloaded.ts'

/** The refusal of events that cannot be taken in now. Those who ask are told to wait for at least the given seconds. */
export function ingestOverloaded(reason: string, leastSeconds: number): AppError {
  const error = new AppError('ingest_overloaded', `${reason}; nothing was accepted, send it again later`)
  error.retryAfterSeconds = retryAfterSeconds(leastSeconds)
  return error
}

const BODIES_RETRY_AFTER_SECONDS = 1

/** The same where the bodies of other requests fill the memory. */
export function bodiesOverloaded(): AppError {
  return ingestOverloaded('too many large bodies are being read', BODIES_RETRY_AFTER_SECONDS)
}
