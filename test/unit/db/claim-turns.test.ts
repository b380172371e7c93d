import { expect, test } from 'vitest'
import { ClaimTurns } from '../../../db/usage/claim-turns.ts'

async function isSettled(promise: Promise<void>): Promise<boolean> {
  return await Promise.race([promise.then(() => true), new Promise<boolean>((resolve) => setImmediate(resolve, false))])
}

test('a turn waits for all that were taken before it, in whichever order they end', async () => {
  const turns = new ClaimTurns()
  const [first, second, third] = [turns.open(), turns.open(), turns.open()]
  first.take()
  second.take()
  const untilEarlierEnded = third.take()()
  second.end()
  expect(await isSettled(untilEarlierEnded)).toBe(false)
  first.end()
  expect(await isSettled(untilEarlierEnded)).toBe(true)
})

test('a turn waits neither for later ones, nor for those that were opened and not taken, nor for itself', async () => {
  const turns = new ClaimTurns()
  const [opened, own, later] = [turns.open(), turns.open(), turns.open()]
  own.take()
  const untilEarlierEnded = own.take()
  later.take()
  opened.take()
  expect(await isSettled(untilEarlierEnded())).toBe(true)
})

test('what has ended is waited for no more', async () => {
  const turns = new ClaimTurns()
  const first = turns.open()
  first.take()
  first.end()
  expect(await isSettled(turns.open().take()())).toBe(true)
})
