import { expect, test } from 'vitest'
import { PipelinedConnection } from '../../../db/pipelined-connection.ts'

const NAMES_ORGANIZATION = 'select set_config(organization)'

/** A connection whose server answers when it is told to, with what was sent so far. */
function connect() {
  const sent: string[] = []
  const answers: PromiseWithResolvers<unknown>[] = []
  const released: boolean[] = []
  const connection = new PipelinedConnection({
    client: { release: (destroy) => released.push(destroy === true) },
    send: (text) => {
      sent.push(text)
      const answer = Promise.withResolvers<unknown>()
      answers.push(answer)
      return answer.promise
    },
    opens: (text) => text === NAMES_ORGANIZATION,
  })
  const answer = (place: number, rows: unknown[] = []) => answers[place]?.resolve({ command: sent[place], rows })
  const fail = (place: number, message: string) => answers[place]?.reject(new Error(message))
  return { connection, sent, released, answer, fail }
}

async function begin(connection: PipelinedConnection, text = 'begin'): Promise<void> {
  await connection.query(text)
  await connection.query(NAMES_ORGANIZATION)
}

/** What a promise has come to so far. */
async function stateOf(promise: Promise<unknown>): Promise<string> {
  const later = new Promise<string>((resolve) => setImmediate(() => resolve('waits')))
  return await Promise.race([promise.then(() => 'answered', String), later])
}

test('the beginning and the first statement are on their way before anything is answered', async () => {
  const { connection, sent, answer } = connect()
  await begin(connection)
  const first = connection.query('select 1')
  expect(sent).toEqual(['begin', NAMES_ORGANIZATION, 'select 1'])
  answer(2, [1])
  expect(await stateOf(first)).toBe('waits')
  answer(0)
  answer(1)
  expect(await first).toMatchObject({ rows: [1] })
})

test.each([
  ['begin', 0],
  [NAMES_ORGANIZATION, 1],
])('that %s failed is what the first statement throws, whatever it was answered itself', async (_, place) => {
  const { connection, answer, fail } = connect()
  await begin(connection)
  const first = connection.query('select 1')
  answer(1 - place)
  answer(2, [1])
  fail(place, 'it did not begin')
  await expect(first).rejects.toThrow('it did not begin')
})

test('a transaction that did not begin is asked nothing more, and commits nothing, until it is rolled back', async () => {
  const { connection, sent, answer, fail } = connect()
  await begin(connection)
  fail(0, 'it did not begin')
  answer(1)
  // While the work does something else nobody is told, and the process must not end of it.
  await new Promise(setImmediate)
  await expect(connection.query('insert')).rejects.toThrow('it did not begin')
  await expect(connection.query('commit')).rejects.toThrow('it did not begin')
  expect(sent).toEqual(['begin', NAMES_ORGANIZATION])
  const rolledBack = connection.query('rollback')
  answer(2)
  await rolledBack
  await begin(connection)
  const next = connection.query('select 2')
  for (const place of [3, 4, 5]) answer(place)
  expect(await stateOf(next)).toBe('answered')
})

test('rolling back says only how that went: what the work threw counts', async () => {
  const { connection, answer, fail } = connect()
  await begin(connection)
  const rolledBack = connection.query('rollback')
  fail(0, 'it did not begin')
  answer(2)
  expect(await stateOf(rolledBack)).toBe('answered')
})

test('the end of a transaction that may write is waited for, and fails as it does', async () => {
  const { connection, answer, fail } = connect()
  await begin(connection)
  const committed = connection.query('commit')
  answer(0)
  answer(1)
  expect(await stateOf(committed)).toBe('waits')
  fail(2, 'nothing was written')
  await expect(committed).rejects.toThrow('nothing was written')
})

test.each(['start transaction isolation level serializable', 'start transaction read write', 'begin'])(
  'also behind a reading, and where it begins with %s',
  async (text) => {
    const { connection, answer } = connect()
    await begin(connection, 'start transaction read only')
    expect(await stateOf(connection.query('commit'))).toBe('answered')
    for (const place of [0, 1, 2]) answer(place)
    await begin(connection, text)
    const committed = connection.query('commit')
    answer(3)
    answer(4)
    expect(await stateOf(committed)).toBe('waits')
    answer(5)
    expect(await stateOf(committed)).toBe('answered')
  },
)

test('a reading that may have stayed open takes its connection with it', async () => {
  const { connection, released, answer, fail } = connect()
  await begin(connection, 'start transaction read only')
  await connection.query('commit')
  connection.release(false)
  for (const place of [0, 1]) answer(place)
  fail(2, 'cancelled')
  await new Promise(setImmediate)
  connection.release(false)
  expect(released).toEqual([false, true])
})

test('what a reading that asked for nothing could not begin with is no matter of the next transaction', async () => {
  const { connection, answer, fail } = connect()
  await begin(connection, 'start transaction read only')
  await connection.query('commit')
  await begin(connection)
  answer(0)
  fail(1, 'it did not begin')
  answer(2)
  await new Promise(setImmediate)
  const next = connection.query('select 1')
  for (const place of [3, 4, 5]) answer(place)
  expect(await stateOf(next)).toBe('answered')
})
