import type { IncomingMessage } from 'node:http'
import { AppError } from '../shared/errors.ts'
import { notWhole, openBody, stopReading } from './compressed-body.ts'

/** The largest request body that is read whole, decompressed. */
const BODY_LIMIT_BYTES = 16 * 1024 * 1024

const KIBIBYTE = 1024
const MEBIBYTE = 1024 * KIBIBYTE

/**
 * Reads the body of a request to its end, decompressed. `done` is called once, with the error `payload_too_large` for a
 * body of more bytes. By events and not by iteration, which costs several turns of the event loop for a body of one piece.
 */
export function readWhole(
  request: IncomingMessage,
  done: (error: Error | null, body?: Buffer) => void,
  mostBytes: number = BODY_LIMIT_BYTES,
): void {
  if (Number(request.headers['content-length']) > mostBytes) return done(bodyTooLarge(mostBytes))
  const body = openBody(request)
  const pieces: Buffer[] = []
  let bytes = 0
  let isDone = false
  // It goes on listening for errors, which a body may still have when nobody reads it any more.
  const finish = (error?: Error) => {
    if (isDone) return
    isDone = true
    body.stream.off('data', onPiece).off('end', finish)
    const [only = EMPTY] = pieces
    const fault = error ?? (body.isWhole() ? undefined : notWhole())
    if (fault === undefined) return done(null, pieces.length > 1 ? Buffer.concat(pieces, bytes) : only)
    stopReading(body)
    done(fault)
  }
  const onPiece = (piece: Buffer) => {
    bytes += piece.length
    pieces.push(piece)
    if (bytes > mostBytes) finish(bodyTooLarge(mostBytes))
  }
  body.stream.on('data', onPiece).on('end', finish).on('error', finish)
}

const EMPTY = Buffer.alloc(0)

function bodyTooLarge(mostBytes: number): AppError {
  const most = mostBytes < MEBIBYTE ? `${mostBytes / KIBIBYTE} KiB` : `${mostBytes / MEBIBYTE} MiB`
  return new AppError('payload_too_large', `the body is larger than ${most}; send it in parts`)
}
