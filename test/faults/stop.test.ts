import { afterAll, beforeAll, expect, test } from 'vitest'
import { openAccounts } from '../../cli/demo/open-accounts.ts'
import { findUsageFaults, untilQueuesAreEmpty } from '../support/faults-audit.ts'
import { askToEnd, END_WITHIN_MS, type End, untilAllRun } from '../support/faults-end.ts'
import { type Fault, replayWithFaults } from '../support/faults-replay.ts'
import { faultScenario } from '../support/faults-scenario.ts'
import { type FaultyService, pidsOf, startFaultyService } from '../support/faults-service.ts'
import { until } from '../support/faults-until.ts'
import { expectVerified } from '../support/tabkeeper.ts'

const REQUESTS = 8_000

const scenario = faultScenario({ requests: REQUESTS, customers: 40 })
let service: FaultyService

beforeAll(async () => {
  service = await startFaultyService()
  await openAccounts(service.client, scenario)
})

afterAll(() => service?.stop())

test('a process that is asked to end does so within ten seconds and loses nothing', async () => {
  const names = [...pidsOf(service).keys()]
  const ends: End[] = []
  const faults = names.map((name, index): Fault => {
    const strike = async () => {
      ends.push(await askToEnd(service, name))
      await untilAllRun(service)
    }
    return { at: (0.75 * (index + 1)) / names.length, strike }
  })
  await replayWithFaults(service, scenario, faults)
  expect(ends.map(({ name, how }) => `${name}: ${how}`)).toEqual(names.map((name) => `${name}: code 0`))
  expect(Math.max(...ends.map(({ durationMs }) => durationMs))).toBeLessThan(END_WITHIN_MS)
  await until('all is counted', async () => (await service.producer.backlog('aggregate-usage')) === 0)
  expect(await findUsageFaults(service.pool, REQUESTS)).toEqual([])
  await expectVerified(service.databaseUrl)
  await untilQueuesAreEmpty(service)
})

test('all processes together end within ten seconds of a stop', async () => {
  const running = [...pidsOf(service).values()] as number[]
  const startedAt = performance.now()
  await service.supervisor.stop()
  expect(performance.now() - startedAt).toBeLessThan(END_WITHIN_MS)
  for (const pid of running) expect(() => process.kill(pid, 0)).toThrow('ESRCH')
})
