import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { findOperator } from '../../db/catalogue/operators.ts'
import { verifyPassword } from '../../db/catalogue/password.ts'
import { AppError } from '../../shared/errors.ts'
import type { ApiContext } from '../context.ts'
import { errorBody } from '../errors.ts'
import { AttemptLimit } from './attempt-limit.ts'
import { createSession, findSessionOperator, SESSION_COOKIE, SESSION_SECONDS } from './session.ts'
import { signInPage } from './sign-in-page.ts'

const SIGN_IN_PATH = '/queues/sign-in'
const MAX_FIELD_LENGTH = 1_000

type OperatorContext = Pick<ApiContext, 'connection' | 'secret'>

/** The form, and what it is sent to. */
export function registerSignIn(server: FastifyInstance, context: OperatorContext): void {
  const limit = new AttemptLimit()

  server.get(SIGN_IN_PATH, { schema: { hide: true } }, (_request, reply) => sendForm(reply, 200, ''))

  server.post(SIGN_IN_PATH, { schema: { hide: true } }, async (request, reply) => {
    if (!isSameOrigin(request)) throw foreignRequest()
    if (!limit.take(request.ip, performance.now())) {
      return sendForm(reply.header('retry-after', '60'), 429, 'Too many attempts. Wait a minute.')
    }
    const operatorId = await findSigner(context, request.body)
    if (operatorId === undefined) return sendForm(reply, 401, 'The name or the password is wrong.')
    limit.clear(request.ip)
    request.log.info({ operatorId }, 'operator signed in')
    const session = createSession(operatorId, { secret: context.secret, nowSeconds: nowSeconds() })
    return reply.setCookie(SESSION_COOKIE, session, COOKIE).redirect('/queues', 303)
  })

  server.post('/queues/sign-out', { schema: { hide: true } }, (request, reply) => {
    if (!isSameOrigin(request)) throw foreignRequest()
    return reply.clearCookie(SESSION_COOKIE, COOKIE).redirect(SIGN_IN_PATH, 303)
  })
}

/** Lets operators through; sends a browser to the form, and refuses anything else. */
export function requireOperator(context: OperatorContext, request: FastifyRequest, reply: FastifyReply): void {
  const cookie = request.cookies[SESSION_COOKIE]
  if (findSessionOperator(cookie, { secret: context.secret, nowSeconds: nowSeconds() }) === undefined) {
    const isPage = request.method === 'GET' && (request.headers.accept ?? '').includes('text/html')
    if (isPage) return void reply.redirect(SIGN_IN_PATH, 302)
    return refuse(reply, new AppError('unauthorized', `sign in at ${SIGN_IN_PATH} first`))
  }
  if (request.method !== 'GET' && !isSameOrigin(request)) return refuse(reply, foreignRequest())
  reply.header('cache-control', 'no-store').header('x-frame-options', 'DENY')
}

// Answered here, because the dashboard turns every error that it is given into a 500.
function refuse(reply: FastifyReply, error: AppError): void {
  reply.code(error.status).send(errorBody(error))
}

// The cookie is not sent from other sites; what a browser says about where a request comes from must agree.
function isSameOrigin({ headers }: FastifyRequest): boolean {
  const site = headers['sec-fetch-site']
  const fromElsewhere = site !== undefined && site !== 'same-origin' && site !== 'none'
  const origin = headers.origin
  const otherOrigin =
    origin !== undefined && origin !== `http://${headers.host}` && origin !== `https://${headers.host}`
  return !fromElsewhere && !otherOrigin
}

function foreignRequest(): AppError {
  return new AppError('forbidden', 'the request comes from another site')
}

async function findSigner({ connection }: OperatorContext, body: unknown): Promise<string | undefined> {
  const username = fieldOf(body, 'username')
  const operator = await findOperator(connection, username)
  const isRight = await verifyPassword(fieldOf(body, 'password'), operator?.passwordHash)
  return isRight ? operator?.id : undefined
}

function fieldOf(body: unknown, name: 'username' | 'password'): string {
  const value = typeof body === 'object' && body !== null ? (body as Record<string, unknown>)[name] : undefined
  const isUsable = typeof value === 'string' && value.length <= MAX_FIELD_LENGTH && !value.includes('\u0000')
  return isUsable ? value : ''
}

const COOKIE = {
  path: '/queues',
  httpOnly: true,
  sameSite: 'strict',
  secure: 'auto',
  maxAge: SESSION_SECONDS,
} as const

function sendForm(reply: FastifyReply, status: number, problem: string): FastifyReply {
  return reply
    .code(status)
    .type('text/html; charset=utf-8')
    .header('cache-control', 'no-store')
    .header(
      'content-security-policy',
      "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'",
    )
    .send(signInPage(problem))
}

function nowSeconds(): number {
  return Math.floor(Date.now() / 1000)
}
