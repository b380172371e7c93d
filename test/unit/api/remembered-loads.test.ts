import { setTimeout as pause } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { RememberedLoads } from '../../../api/remembered-loads.ts'

function open(bounds: { keepMs?: number; freshMs?: number; maxKept?: number }) {
  const answers: (string | undefined | Error)[] = []
  const state = { loads: 0 }
  const loads = new RememberedLoads<number, string>({ keepMs: 60_000, freshMs: 60_000, maxKept: 10, ...bounds })
  const read = (key = 1) =>
    loads.read(key, async () => {
      state.loads += 1
      const answer = answers.shift()
      if (answer instanceof Error) throw answer
      return answer
    })
  return { answers, state, read }
}

test('what was found is answered without waiting; what was not is looked for again', async () => {
  const { answers, read } = open({})
  answers.push(undefined, 'found')
  expect(await read()).toBeUndefined()
  expect(await read()).toBe('found')
  expect(read()).toBe('found')
})

test('what is no longer fresh is answered while it is loaded again, and not when it is gone', async () => {
  const { answers, state, read } = open({ freshMs: 0 })
  answers.push('old', 'new', undefined)
  await read()
  expect(read()).toBe('old')
  await pause(0)
  expect(read()).toBe('new')
  await pause(0)
  expect(state.loads).toBe(3)
  expect(await read()).toBeUndefined()
})

test('a load that fails in the background surprises nobody, and fails who waits for it', async () => {
  const { answers, read } = open({ freshMs: 0, keepMs: 40 })
  answers.push('old', new Error('away'), new Error('away'))
  await read()
  expect(read()).toBe('old')
  await pause(50)
  await expect(read()).rejects.toThrow('away')
})

test('with too many all are forgotten', async () => {
  const { answers, state, read } = open({ maxKept: 1 })
  answers.push('one', 'two', 'one again')
  await read(1)
  await read(2)
  expect(await read(1)).toBe('one again')
  expect(state.loads).toBe(3)
})
