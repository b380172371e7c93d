import { expect, test } from 'vitest'
import { type ClaimTurn, ClaimTurns } from '../../../db/usage/claim-turns.ts'

async function isSettled(promise: Promise<void>): Promise<boolean> {
  return await Promise.race([promise.then(() => true), new Promise<boolean>((resolve) => setImmediate(resolve, false))])
}

let organizationId = 0

/** A transaction that ends when the test says so, of an organization of its own. */
async function open(
  turns: ClaimTurns,
): Promise<{ readonly turn: ClaimTurn; readonly end: (error?: Error) => Promise<void> }> {
  const { promise, resolve, reject } = Promise.withResolvers<void>()
  const begun = Promise.withResolvers<ClaimTurn>()
  organizationId += 1
  const running = turns.during(organizationId, (own) => {
    begun.resolve(own)
    return promise
  })
  const turn = await begun.promise
  const end = async (error?: Error) => {
    if (error === undefined) resolve()
    else reject(error)
    await running.catch(() => undefined)
  }
  return { turn, end }
}

const openThree = async (turns: ClaimTurns) => [await open(turns), await open(turns), await open(turns)] as const

test('those of one organization begin when the one before has taken its turn or ended, others at once', async () => {
  const turns = new ClaimTurns()
  const begun: string[] = []
  const begin = (name: string, organization: number, until: Promise<void>) =>
    turns.during(organization, async (turn) => {
      begun.push(name)
      await until
      turn.take()
      await new Promise(() => undefined)
    })
  const [slow, failing] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()]
  void begin('slow', 1, slow.promise)
  const failed = begin('failing', 1, failing.promise)
  void begin('last', 1, Promise.resolve())
  void begin('other', 2, Promise.resolve())
  await new Promise(setImmediate)
  expect(begun).toEqual(['slow', 'other'])
  slow.resolve()
  await new Promise(setImmediate)
  expect(begun).toEqual(['slow', 'other', 'failing'])
  failing.reject(new Error('rolled back'))
  await expect(failed).rejects.toThrow('rolled back')
  expect(begun).toEqual(['slow', 'other', 'failing', 'last'])
})

test('a turn waits for all that were taken before it, in whichever order they end and however', async () => {
  const turns = new ClaimTurns()
  const [first, second, third] = await openThree(turns)
  first.turn.take()
  second.turn.take()
  const untilEarlierEnded = third.turn.take()()
  await second.end(new Error('rolled back'))
  expect(await isSettled(untilEarlierEnded)).toBe(false)
  await first.end()
  expect(await isSettled(untilEarlierEnded)).toBe(true)
})

test('a turn waits neither for later ones nor for those that were opened and not taken', async () => {
  const turns = new ClaimTurns()
  const [, own, later] = await openThree(turns)
  const untilEarlierEnded = own.turn.take()
  later.turn.take()
  expect(await isSettled(untilEarlierEnded())).toBe(true)
})

test('what has ended is waited for no more', async () => {
  const turns = new ClaimTurns()
  const first = await open(turns)
  first.turn.take()
  await first.end()
  const { turn } = await open(turns)
  expect(await isSettled(turn.take()())).toBe(true)
})

test('of two that are tried again, each comes behind those that came meanwhile, and none waits for ever', async () => {
  const turns = new ClaimTurns()
  const tryTwice = async () => {
    const attempt = (fails: boolean) =>
      turns.during(1, async (turn) => {
        const untilEarlierEnded = turn.take()
        await new Promise(setImmediate)
        if (fails) throw new Error('once')
        await untilEarlierEnded()
      })
    await attempt(true).catch(() => attempt(false))
  }
  await expect(Promise.all([tryTwice(), tryTwice()])).resolves.toHaveLength(2)
})
