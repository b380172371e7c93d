import type { IncomingMessage } from 'node:http'
import { Readable } from 'node:stream'

const MOST_BYTES = 64 * 1024 * 1024
const WITHIN_MS = 5_000

/**
 * An answer to a request whose body is not read to its end, on a connection that is closed behind it. The text is sent at
 * once; the stream ends, and with it the connection, when the rest of the body was read and dropped, or is too much or
 * too slow. Closed at once, a connection with unread bytes is reset, which may take the answer from a client that
 * writes all before it reads.
 */
export function answerThenDiscard(request: IncomingMessage, text: string): Readable {
  const answer = new Readable({ read: () => undefined })
  answer.push(text)
  let bytes = 0
  const end = () => {
    clearTimeout(timer)
    request.off('data', count)
    if (!answer.readableEnded && !answer.destroyed) answer.push(null)
  }
  const count = (piece: Buffer) => {
    bytes += piece.length
    if (bytes > MOST_BYTES) end()
  }
  const timer = setTimeout(end, WITHIN_MS)
  if (request.destroyed) end()
  else
    request
      .on('data', count)
      .once('end', end)
      .once('close', end)
      .on('error', () => undefined)
      .resume()
  return answer
}
