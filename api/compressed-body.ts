import type { IncomingMessage } from 'node:http'
import type { Readable } from 'node:stream'
import { constants, createGunzip, createZstdDecompress } from 'node:zlib'
import type { FastifyInstance } from 'fastify'
import { AppError } from '../shared/errors.ts'
import { ZstdFrames } from './zstd-frames.ts'

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

/** A body that is being read. */
export interface OpenBody {
  /** What it comes from: a request, which must live on until it is answered. */
  readonly source: Readable
  /** What it says, decompressed piece by piece as it is read, so that whoever bounds what it reads bounds what is inflated. */
  readonly stream: Readable
  /** Once the stream has ended: whether that was all that came, and nothing was left out. */
  readonly isWhole: () => boolean
  /** Of what was read, how much is kept to decompress the rest. */
  readonly windowBytes: () => number
}

/** Opens the body of a request for whoever reads it. A body that is not what its coding says is an error of the stream. */
export function openBody(request: IncomingMessage): OpenBody {
  const open = openerOf(codingOf(request))
  return open === undefined ? openPlain(request) : open(request)
}

/** Stops reading a body, but leaves the request as it is. */
export function stopReading({ source, stream }: OpenBody): void {
  if (stream === source) source.pause()
  else {
    source.unpipe()
    // Without a reader it would go on inflating.
    stream.destroy()
  }
}

/** The refusal of a body that ended as one of its coding, but is not whole. */
export function notWhole(): AppError {
  return corruption('more follows where it ends')
}

/** Whether a body broke off or is not what its coding says; undefined for every other error. */
export function corruptBodyError(error: { readonly code?: string; readonly message: string }): AppError | undefined {
  if (!/^(?:Z_|ZSTD_error_)/.test(error.code ?? '')) return undefined
  return corruption(error.message)
}

function corruption(cause: string): AppError {
  return new AppError('bad_request', `the body is not what its content-encoding says: ${cause}`)
}

function openPlain(request: IncomingMessage): OpenBody {
  return { source: request, stream: request, isWhole, windowBytes: noWindow }
}

function isWhole(): boolean {
  return true
}

// Of gzip it is 32 KiB, which is no more than a connection takes.
function noWindow(): number {
  return 0
}

type Decompressor = ReturnType<typeof createGunzip | typeof createZstdDecompress>

function codingOf({ headers }: IncomingMessage): string {
  return headers['content-encoding']?.trim().toLowerCase() ?? ''
}

function isPlain(coding: string): boolean {
  return coding === '' || coding === 'identity'
}

function openerOf(coding: string): ((request: IncomingMessage) => OpenBody) | undefined {
  if (coding === 'gzip' || coding === 'x-gzip') return openGzip
  return coding === 'zstd' ? openZstd : undefined
}

// Members follow each other with nothing in between or behind (RFC 1952, section 2.2), so not even padding is let pass:
// whatever is behind it the decompressor drops without a word.
function openGzip(request: IncomingMessage): OpenBody {
  return openThrough(request, createGunzip())
}

function openZstd(request: IncomingMessage): OpenBody {
  const frames = new ZstdFrames()
  request.on('data', (piece: Buffer) => frames.push(piece))
  const params = { [constants.ZSTD_d_windowLogMax]: MAX_ZSTD_WINDOW_LOG }
  const body = openThrough(request, createZstdDecompress({ params }))
  return { ...body, isWhole: () => frames.isWhole && body.isWhole(), windowBytes: () => frames.windowBytes }
}

function openThrough(request: IncomingMessage, decompressor: Decompressor): OpenBody {
  let receivedBytes = 0
  request.on('data', (piece: Buffer) => {
    receivedBytes += piece.length
  })
  request.once('error', (error) => decompressor.destroy(error))
  // Whoever reads it hears its errors; one that comes later is nobody's, but would end the process.
  decompressor.on('error', () => undefined)
  // Not `pipeline`: that would close the connection of a corrupt body before it is answered.
  const stream = request.pipe(decompressor)
  return { source: request, stream, isWhole: () => decompressor.bytesWritten === receivedBytes, windowBytes: noWindow }
}
