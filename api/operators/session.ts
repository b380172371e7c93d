import { createHmac, timingSafeEqual } from 'node:crypto'

export const SESSION_COOKIE = 'tabkeeper_session'
export const SESSION_SECONDS = 12 * 60 * 60

/** The cookie of a signed-in operator: id, end in seconds since 1970, and a signature over both. */
export function createSession(
  operatorId: string,
  { secret, nowSeconds }: { secret: string; nowSeconds: number },
): string {
  const content = `${operatorId}.${nowSeconds + SESSION_SECONDS}`
  return `${content}.${sign(content, secret).toString('base64url')}`
}

/** The operator of a cookie that we signed and that has not ended; undefined for any other. */
export function findSessionOperator(
  cookie: string | undefined,
  { secret, nowSeconds }: { secret: string; nowSeconds: number },
): string | undefined {
  const [operatorId = '', endSeconds = '', signature = ''] = (cookie ?? '').split('.')
  const expected = sign(`${operatorId}.${endSeconds}`, secret)
  const presented = Buffer.from(signature, 'base64url')
  const isGenuine = presented.length === expected.length && timingSafeEqual(presented, expected)
  return isGenuine && Number(endSeconds) > nowSeconds ? operatorId : undefined
}

// The purpose is part of what is signed, so that nothing else signed with the secret passes for a session.
function sign(content: string, secret: string): Buffer {
  return createHmac('sha256', secret).update(`operator-session:${content}`).digest()
}
