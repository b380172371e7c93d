import { AppError } from '../shared/errors.ts'
import { notWhole, type OpenBody, stopReading } from './compressed-body.ts'
import { bodiesOverloaded } from './events/ingest-overloaded.ts'
import type { OpenBodies, OpenReading } from './open-bodies.ts'

/**
 * Reads a body piece by piece, as fast as whoever takes them. The request outlives a failure, or else it could not be
 * answered.
 */
export class BodyPieces implements OpenReading {
  heldBytes = 0
  looks = 0
  readonly #body: OpenBody
  readonly #bodies: OpenBodies
  #fault: Error | undefined
  #hasEnded = false
  #readBytes = 0
  #wake: () => void = () => undefined
  readonly #onReadable = () => this.#wake()

  constructor(body: OpenBody, bodies: OpenBodies) {
    this.#body = body
    this.#bodies = bodies
    body.stream
      .on('readable', this.#onReadable)
      .on('end', () => this.#end())
      .on('error', (error) => this.fail(error))
      .on('close', () => this.#close())
  }

  /** The next piece; undefined at the end. Throws where the body breaks off or is not what it says. */
  async next(): Promise<Buffer | undefined> {
    for (;;) {
      this.requireAlive()
      const piece = this.#body.stream.read() as Buffer | null
      if (piece !== null) {
        this.#readBytes += piece.length
        return piece
      }
      if (this.#hasEnded) return undefined
      const { promise, resolve } = Promise.withResolvers<void>()
      this.#wake = resolve
      this.#bodies.await(this)
      await promise
      this.#bodies.receive(this)
    }
  }

  /** Throws once the body cannot be read any further, because who sends it has gone for example. */
  requireAlive(): void {
    if (this.#fault !== undefined) throw this.#fault
  }

  /**
   * Says how many bytes are held of what was read; what is kept to decompress the rest counts too. Throws
   * `ingest_overloaded` where that is too much.
   */
  hold(bytes: number): void {
    const keptBytes = Math.min(this.#readBytes, this.#body.windowBytes())
    if (!this.#bodies.hold(this, bytes + keptBytes)) throw bodiesOverloaded()
  }

  expire(timeoutSeconds: number): void {
    this.fail(new AppError('request_timeout', `nothing came for ${timeoutSeconds} seconds`))
  }

  /** Ends the reading with an error, which is thrown from then on. The first one counts. */
  fail(error: Error): void {
    this.#fault ??= error
    this.#wake()
  }

  /** Nothing is held any more. */
  close(): void {
    this.#bodies.close(this)
  }

  /** Leaves the rest unread, for whoever drops it. */
  stop(): void {
    this.close()
    this.#body.stream.off('readable', this.#onReadable)
    stopReading(this.#body)
  }

  #end(): void {
    this.#hasEnded = true
    if (this.#body.isWhole()) this.#wake()
    else this.fail(notWhole())
  }

  #close(): void {
    if (!this.#hasEnded) this.fail(new AppError('bad_request', 'the body was closed before its end'))
  }
}
