import { AppError, type ErrorCode } from '../shared/errors.ts'

const ANSWER_WITHIN_MS = 5_000

/** The answer of something outside. Throws the given error when it fails, or takes longer than five seconds. */
export async function boundedAnswer<Answer>(
  answer: Promise<Answer>,
  code: ErrorCode,
  message: string,
): Promise<Answer> {
  const { promise: late, reject } = Promise.withResolvers<never>()
  const timer = setTimeout(() => reject(new Error('no answer in time')), ANSWER_WITHIN_MS)
  try {
    return await Promise.race([answer, late])
  } catch (cause) {
    throw Object.assign(new AppError(code, message), { cause })
  } finally {
    clearTimeout(timer)
  }
}
