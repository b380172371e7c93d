import { AppError } from '../shared/errors.ts'

const RETRY_AFTER_SECONDS = 1

/** The refusal of a body for which there is no memory while those of other requests fill it. */
export function serverOverloaded(): AppError {
  const error = new AppError(
    'server_overloaded',
    'too many large bodies are being read; nothing was done, send it again',
  )
  error.retryAfterSeconds = retryAfterSeconds(RETRY_AFTER_SECONDS)
  return error
}

/** From the given seconds to three times as long, so that those who are refused do not all come back at once. */
export function retryAfterSeconds(leastSeconds: number): number {
  return Math.ceil(leastSeconds * (1 + 2 * Math.random()))
}
