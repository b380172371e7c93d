import { expect, test } from 'vitest'
import { SharedLoads } from '../../../api/shared-loads.ts'

/** Loads that answer when and what the test says. */
function openLoads() {
  const asked: PromiseWithResolvers<string | undefined>[] = []
  const load = () => {
    const answer = Promise.withResolvers<string | undefined>()
    asked.push(answer)
    return answer.promise
  }
  return { asked, load, loads: new SharedLoads<number, string>() }
}

test('those who ask at the same time share one load, and those who ask later start another', async () => {
  const { asked, load, loads } = openLoads()
  const answers = [loads.load(1, load), loads.load(1, load)]
  expect(asked).toHaveLength(1)
  asked[0]?.resolve('first')
  expect(await Promise.all(answers)).toEqual(['first', 'first'])
  const later = loads.load(1, load)
  asked[1]?.resolve('second')
  expect(await later).toBe('second')
})

test('different things are loaded apart', () => {
  const { asked, load, loads } = openLoads()
  void loads.load(1, load)
  void loads.load(2, load)
  expect(asked).toHaveLength(2)
})

test('who joined a load that found nothing looks again', async () => {
  const { asked, load, loads } = openLoads()
  const answers = [loads.load(1, load), loads.load(1, load)]
  asked[0]?.resolve(undefined)
  await expect.poll(() => asked.length).toBe(2)
  asked[1]?.resolve('created meanwhile')
  expect(await Promise.all(answers)).toEqual([undefined, 'created meanwhile'])
})

test('a failure reaches all who share the load, and the next one is tried', async () => {
  const { asked, load, loads } = openLoads()
  const answers = Promise.allSettled([loads.load(1, load), loads.load(1, load)])
  asked[0]?.reject(new Error('away'))
  expect((await answers).map(({ status }) => status)).toEqual(['rejected', 'rejected'])
  const next = loads.load(1, load)
  asked[1]?.resolve('back')
  expect(await next).toBe('back')
})
