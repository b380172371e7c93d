import { lookup } from 'node:dns'
import { request as requestHttp } from 'node:http'
import { request as requestHttps } from 'node:https'
import type { LookupFunction } from 'node:net'
import type { AttemptOutcome } from '../../shared/webhooks/judge-attempt.ts'
import { hostOf, isAddress, isPublicAddress } from '../../shared/webhooks/public-address.ts'

/** One HTTP request to an endpoint. */
export interface Post {
  readonly url: string
  readonly headers: Readonly<Record<string, string>>
  readonly body: string
}

export interface PostOptions {
  /** From the look-up of the name to the status of the answer. */
  readonly timeLimitMs: number
  readonly allowPrivate: boolean
}

/**
 * Sends a message and answers with the status, or with why there is none; never throws. Redirects are not followed and
 * the answer's body is not read. This is not `fetch`, because the address that is connected to must be the very one that
 * was checked: a name may lead somewhere else at the next look-up.
 */
export function postMessage({ url, headers, body }: Post, options: PostOptions): Promise<AttemptOutcome> {
  const target = new URL(url)
  const host = hostOf(target)
  if (isAddress(host) && !options.allowPrivate && !isPublicAddress(host)) {
    return Promise.resolve({ responseStatus: null, error: PRIVATE })
  }
  const send = target.protocol === 'https:' ? requestHttps : requestHttp
  return new Promise((resolve) => {
    const request = send(target, {
      method: 'POST',
      headers: { ...headers, 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) },
      // A connection of its own: a kept one may be closed under the request.
      agent: false,
      lookup: options.allowPrivate ? undefined : lookupPublic,
      signal: AbortSignal.timeout(options.timeLimitMs),
    })
    request.on('response', (response) => {
      const { statusCode = 0 } = response
      response.destroy()
      resolve({ responseStatus: statusCode, error: isSuccess(statusCode) ? null : `answered ${statusCode}` })
    })
    request.on('error', (error: NodeJS.ErrnoException) =>
      resolve({ responseStatus: null, error: reasonOf(error, options.timeLimitMs) }),
    )
    request.end(body)
  })
}

const PRIVATE = 'the URL leads to this machine or a private network'

const lookupPublic: LookupFunction = (hostname, options, callback) => {
  lookup(hostname, { ...options, all: true }, (error, addresses) => {
    if (error !== null) return callback(error, [])
    const open = addresses.filter(({ address }) => isPublicAddress(address))
    const [first] = open
    if (first === undefined) return callback(new Error(PRIVATE), [])
    return options.all === true ? callback(null, open) : callback(null, first.address, first.family)
  })
}

function isSuccess(status: number): boolean {
  return status >= 200 && status < 300
}

function reasonOf(error: NodeJS.ErrnoException, timeLimitMs: number): string {
  if (error.name === 'TimeoutError' || error.code === 'ABORT_ERR')
    return `no answer within ${timeLimitMs / 1000} seconds`
  return error.code === undefined ? error.message.slice(0, 200) : `no connection: ${error.code}`
}
