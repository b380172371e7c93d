import type { IncomingMessage } from 'node:http'
import type { Readable } from 'node:stream'
import { constants, createGunzip, createZstdDecompress } from 'node:zlib'
import type { FastifyInstance } from 'fastify'
import { AppError } from '../shared/errors.ts'

/** The codings of `content-encoding` that are read. */
const CONTENT_CODINGS = ['gzip', 'zstd'] as const

// A frame may ask for a window of 128 MiB; this one is what RFC 8878 recommends to accept.
const MAX_ZSTD_WINDOW_LOG = 23

/** Refuses bodies in a coding that is not known with `unsupported_media_type`, on routes that read none as well. */
export function registerContentCodings(server: FastifyInstance): void {
  server.addHook('preParsing', ({ raw }, reply, payload, done) => {
    if (isPlain(codingOf(raw)) || openerOf(codingOf(raw)) !== undefined) return done(null, payload)
    void reply.header('accept-encoding', CONTENT_CODINGS.join(', '))
    const msg = `the content-encoding must be ${CONTENT_CODINGS.join(' or ')}, and only one of them`
    done(new AppError('unsupported_media_type', msg))
  })
}

/**
 * The body of a request, decompressed piece by piece as it is read, so that whoever bounds what it reads bounds what is
 * inflated. It is for whoever reads it: a body that is not what its coding says is told as an error of the stream, and an
 * error that nobody listens for ends the process.
 */
export function openBody(request: IncomingMessage): Readable {
  const open = openerOf(codingOf(request))
  return open === undefined ? request : throughOf(request, open())
}

/** Stops reading a body, but leaves the request as it is: it must live on until it is answered. */
export function stopReading(request: IncomingMessage, body: Readable): void {
  if (body === request) request.pause()
  else {
    request.unpipe()
    // Without a reader it would go on inflating.
    body.destroy()
  }
}

/** Whether a body broke off or is not what its coding says; undefined for every other error. */
export function corruptBodyError(error: { readonly code?: string; readonly message: string }): AppError | undefined {
  if (!/^(?:Z_|ZSTD_error_)/.test(error.code ?? '')) return undefined
  return new AppError('bad_request', `the body is not what its content-encoding says: ${error.message}`)
}

type Decompressor = ReturnType<typeof createGunzip | typeof createZstdDecompress>

function codingOf({ headers }: IncomingMessage): string {
  return headers['content-encoding']?.trim().toLowerCase() ?? ''
}

function isPlain(coding: string): boolean {
  return coding === '' || coding === 'identity'
}

function openerOf(coding: string): (() => Decompressor) | undefined {
  if (coding === 'gzip' || coding === 'x-gzip') return createGunzip
  return coding === 'zstd' ? openZstd : undefined
}

function openZstd(): Decompressor {
  return createZstdDecompress({ params: { [constants.ZSTD_d_windowLogMax]: MAX_ZSTD_WINDOW_LOG } })
}

// Not `pipeline`: that would close the connection of a corrupt body before it is answered.
function throughOf(request: IncomingMessage, decompressor: Decompressor): Decompressor {
  request.once('error', (error) => decompressor.destroy(error))
  return request.pipe(decompressor)
}
