import { connect, type Socket } from 'node:net'
import type { PreparedRequest } from './http-requests.ts'

const ANSWER_LIMIT_MS = 30_000

/**
 * A connection that is kept open and sends prepared bytes. It reads no more of an answer than it must, because the
 * load shares the machine with what it measures.
 */
export class HttpConnection {
  readonly #socket: Socket
  #answer: { readonly request: PreparedRequest; readonly settled: PromiseWithResolvers<void> } | undefined
  #head = ''
  /** Bytes of the answer that are still to come; undefined until its head is complete. */
  #left: number | undefined

  private constructor(socket: Socket) {
    this.#socket = socket
    socket.setNoDelay(true)
    socket.setTimeout(ANSWER_LIMIT_MS, () => socket.destroy(new Error(`no answer within ${ANSWER_LIMIT_MS} ms`)))
    socket.on('data', (chunk: Buffer) => this.#read(chunk))
    socket.on('error', (error) => this.#answer?.settled.reject(error))
    socket.on('close', () => this.#answer?.settled.reject(new Error('the server closed the connection')))
  }

  static async open(url: string): Promise<HttpConnection> {
    const { hostname, port } = new URL(url)
    const socket = connect(Number(port), hostname)
    await new Promise<void>((resolve, reject) => {
      socket.once('connect', resolve)
      socket.once('error', reject)
    })
    return new HttpConnection(socket)
  }

  /** Resolves when everything in the request was accepted; rejects on any other answer. One at a time. */
  send(request: PreparedRequest): Promise<void> {
    if (this.#socket.destroyed) return Promise.reject(new Error('the connection was closed'))
    const settled = Promise.withResolvers<void>()
    this.#answer = { request, settled }
    this.#head = ''
    this.#left = undefined
    this.#socket.write(request.bytes)
    return settled.promise
  }

  close(): void {
    this.#answer = undefined
    this.#socket.destroy()
  }

  #read(chunk: Buffer): void {
    if (this.#answer === undefined) return
    if (this.#left === undefined) {
      this.#head += chunk.subarray(0, 2048).toString('latin1')
      const end = this.#head.indexOf('\r\n\r\n')
      // The first bytes of the body say whether all was accepted.
      if (end === -1 || this.#head.length < end + 4 + this.#answer.request.accepted.length) return
      const length = Number(/content-length: (\d+)/i.exec(this.#head.slice(0, end))?.[1])
      this.#left = end + 4 + length - chunk.length
    } else this.#left -= chunk.length
    if (this.#left > 0) return
    const { request, settled } = this.#answer
    this.#answer = undefined
    const isAccepted = this.#head.startsWith('HTTP/1.1 202 ') && this.#head.includes(`\r\n\r\n${request.accepted}`)
    if (isAccepted) settled.resolve()
    else settled.reject(new Error(`a request was answered by ${this.#head.slice(0, 500)}`))
  }
}
