import { expect, test } from 'vitest'
import { type ClaimTurn, ClaimTurns } from '../../../db/usage/claim-turns.ts'

async function isSettled(promise: Promise<void>): Promise<boolean> {
  return await Promise.race([promise.then(() => true), new Promise<boolean>((resolve) => setImmediate(resolve, false))])
}

/** A transaction that ends when the test says so. */
function open(turns: ClaimTurns): { readonly turn: ClaimTurn; readonly end: (error?: Error) => Promise<void> } {
  const { promise, resolve, reject } = Promise.withResolvers<void>()
  let turn: ClaimTurn | undefined
  const running = turns.during((own) => {
    turn = own
    return promise
  })
  if (turn === undefined) throw new Error('it was not run at once')
  const end = async (error?: Error) => {
    if (error === undefined) resolve()
    else reject(error)
    await running.catch(() => undefined)
  }
  return { turn, end }
}

test('a turn waits for all that were taken before it, in whichever order they end and however', async () => {
  const turns = new ClaimTurns()
  const [first, second, third] = [open(turns), open(turns), open(turns)]
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
  const [, own, later] = [open(turns), open(turns), open(turns)]
  const untilEarlierEnded = own.turn.take()
  later.turn.take()
  expect(await isSettled(untilEarlierEnded())).toBe(true)
})

test('what has ended is waited for no more', async () => {
  const turns = new ClaimTurns()
  const first = open(turns)
  first.turn.take()
  await first.end()
  expect(await isSettled(open(turns).turn.take()())).toBe(true)
})

test('of two that are tried again, each comes behind those that came meanwhile, and none waits for ever', async () => {
  const turns = new ClaimTurns()
  const tryTwice = async () => {
    const attempt = (fails: boolean) =>
      turns.during(async (turn) => {
        const untilEarlierEnded = turn.take()
        await new Promise(setImmediate)
        if (fails) throw new Error('once')
        await untilEarlierEnded()
      })
    await attempt(true).catch(() => attempt(false))
  }
  await expect(Promise.all([tryTwice(), tryTwice()])).resolves.toHaveLength(2)
})
