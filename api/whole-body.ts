import type { IncomingMessage } from 'node:http'
import { AppError } from '../shared/errors.ts'
import { notWhole, openBody, stopReading } from './compressed-body.ts'
import type { OpenBodies, OpenReading } from './open-bodies.ts'

const KIBIBYTE = 1024
const MEBIBYTE = 1024 * KIBIBYTE
/** The largest request body that is read whole, decompressed. */
export const BODY_LIMIT_BYTES = 16 * MEBIBYTE

export interface WholeBodyOptions {
  readonly bodies: OpenBodies
  readonly mostBytes: number
  /** The refusal of a body that has no room beside the others. */
  readonly overloaded: () => AppError
}

/**
 * Reads the body of a request to its end, decompressed. `done` is called once: with the error `payload_too_large` for a
 * body of more bytes, with `request_timeout` where the end does not come, or with that of an overload. By events and not by
 * iteration, which costs several turns of the event loop for a body of one piece.
 */
export function readWhole(
  request: IncomingMessage,
  { bodies, mostBytes, overloaded }: WholeBodyOptions,
  done: (error: Error | null, body?: Buffer) => void,
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
    bodies.close(reading)
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
    else if (!bodies.hold(reading, bytes)) finish(overloaded())
  }
  const reading: OpenReading = { heldBytes: 0, looks: 0, expire: (seconds) => finish(bodyTooLate(seconds)) }
  bodies.await(reading)
  body.stream.on('data', onPiece).on('end', finish).on('error', finish)
}

const EMPTY = Buffer.alloc(0)

function bodyTooLarge(mostBytes: number): AppError {
  const most = mostBytes < MEBIBYTE ? `${mostBytes / KIBIBYTE} KiB` : `${mostBytes / MEBIBYTE} MiB`
  return new AppError('payload_too_large', `the body is larger than ${most}; send it in parts`)
}

function bodyTooLate(seconds: number): AppError {
  return new AppError('request_timeout', `the body did not come to its end within ${seconds} seconds; send it again`)
}
