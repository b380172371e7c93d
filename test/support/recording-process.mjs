// A user's process: records events as fast as the disk takes them and says of each on its output that it is safe, until
// it is told by its input to stop, or killed. Parameters: url, key, spool directory, a name for its transactions.
import { openClient } from '@tabkeeper/client'

const [url, apiKey, spoolDirectory, name] = process.argv.slice(2)
const client = await openClient({
  url,
  apiKey,
  spoolDirectory,
  producer: 'recorder',
  batchEvents: 50,
  flushIntervalMs: 20,
  maxBackoffMs: 200,
  requestTimeoutMs: 10_000,
  onError: () => undefined,
})
let stopping = false
process.stdin.once('data', () => {
  stopping = true
  process.stdin.destroy()
})
process.stdout.write(`opened ${client.producerId} ${process.version}\n`)
for (let count = 0; !stopping; count += 4) {
  const events = [0, 1, 2, 3].map((index) => ({
    transactionId: `${name}-${count + index}`,
    externalCustomerId: `customer-${(count + index) % 7}`,
    code: 'llm',
    properties: { tokens: 5 },
  }))
  const recorded = await Promise.all(events.map((event) => client.record(event)))
  process.stdout.write(recorded.map(({ transactionId }) => `recorded ${transactionId}\n`).join(''))
}
const { unsentEvents } = await client.close({ timeoutMs: 30_000 })
process.stdout.write(`closed ${unsentEvents}\n`)
