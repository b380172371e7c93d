/** A request as the bytes that go over the wire, and what its answer begins with when all of it was accepted. */
export interface PreparedRequest {
  readonly bytes: Buffer
  readonly events: number
  readonly accepted: string
}

export interface Target {
  readonly url: string
  readonly apiKey: string
}

/** Requests of so many events each; the last may have fewer. */
export function batchRequests(target: Target, texts: readonly string[], size: number): PreparedRequest[] {
  return Array.from({ length: Math.ceil(texts.length / size) }, (_, index) => {
    const part = texts.slice(index * size, (index + 1) * size)
    const body = `{"events":[${part.join(',')}]}`
    const accepted = `{"accepted":${part.length},"rejected":0,`
    return { bytes: requestBytes(target, '/v1/events/batch', body), events: part.length, accepted }
  })
}

/** A request for each event. */
export function singleRequests(target: Target, texts: readonly string[]): PreparedRequest[] {
  return texts.map((body) => ({
    bytes: requestBytes(target, '/v1/events', body),
    events: 1,
    accepted: '{"transaction_id":',
  }))
}

function requestBytes({ url, apiKey }: Target, path: string, body: string): Buffer {
  return Buffer.from(
    `POST ${path} HTTP/1.1\r\nhost: ${new URL(url).host}\r\nauthorization: Bearer ${apiKey}\r\n` +
      `content-type: application/json\r\ncontent-length: ${Buffer.byteLength(body)}\r\n\r\n${body}`,
  )
}
