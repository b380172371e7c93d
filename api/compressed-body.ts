import type { Readable } from 'node:stream'
import { constants, createGunzip, createZstdDecompress } from 'node:zlib'
import type { FastifyInstance } from 'fastify'
import { AppError } from '../shared/errors.ts'

/** The codings of `content-encoding` that are read. */
const CONTENT_CODINGS = ['gzip', 'zstd'] as const

// A frame may ask for a window of 128 MiB; this one is what RFC 8878 recommends to accept.
const MAX_ZSTD_WINDOW_LOG = 23

/**
 * Hands compressed bodies to the parsers decompressed, piece by piece as they are read, so that whoever bounds what it
 * reads bounds what is inflated. A coding that is not known is refused with `unsupported_media_type`.
 */
export function registerDecompression(server: FastifyInstance): void {
  server.addHook('preParsing', (request, reply, payload, done) => {
    const coding = request.headers['content-encoding']?.trim().toLowerCase()
    if (coding === undefined || coding === '' || coding === 'identity') return done(null, payload)
    const decompressor = openDecompressor(coding)
    if (decompressor !== undefined) return done(null, throughOf(payload as Readable, decompressor))
    void reply.header('accept-encoding', CONTENT_CODINGS.join(', '))
    const msg = `the content-encoding must be ${CONTENT_CODINGS.join(' or ')}, and only one of them`
    done(new AppError('unsupported_media_type', msg))
  })
}

/** Whether a body broke off or is not what its coding says; undefined for every other error. */
export function corruptBodyError(error: { readonly code?: string; readonly message: string }): AppError | undefined {
  if (!/^(?:Z_|ZSTD_error_)/.test(error.code ?? '')) return undefined
  return new AppError('bad_request', `the body is not what its content-encoding says: ${error.message}`)
}

type Decompressor = ReturnType<typeof createGunzip | typeof createZstdDecompress>

function openDecompressor(coding: string): Decompressor | undefined {
  if (coding === 'gzip' || coding === 'x-gzip') return createGunzip()
  if (coding !== 'zstd') return undefined
  return createZstdDecompress({ params: { [constants.ZSTD_d_windowLogMax]: MAX_ZSTD_WINDOW_LOG } })
}

// Not `pipeline`: that would close the connection of a corrupt body before it is answered.
function throughOf(payload: Readable, decompressor: Decompressor): Decompressor {
  payload.once('error', (error) => decompressor.destroy(error))
  return payload.pipe(decompressor)
}
