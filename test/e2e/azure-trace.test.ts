import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { apiClient } from '../../cli/demo/api-client.ts'
import { findDifferences } from '../../cli/demo/compare-invoices.ts'
import { expectedInvoices } from '../../cli/demo/expected-invoices.ts'
import { generateTrace } from '../../cli/demo/generate-trace.ts'
import { totalUnits } from '../../cli/demo/invoice-table.ts'
import { type Played, playScenario } from '../../cli/demo/play-scenario.ts'
import { readTrace } from '../../cli/demo/read-trace.ts'
import { type Scenario, scenarioOf } from '../../cli/demo/scenario.ts'
import { seededRandom } from '../../cli/demo/seeded-random.ts'
import { createOrganization } from '../../db/organizations.ts'
import { startService, type TestService } from '../support/processes.ts'

const SEED = 19_366
const TRACE_FILE =
  process.env['TABKEEPER_TRACE_FILE'] ??
  join(import.meta.dirname, '../../../shared/data/azure-llm-inference-2023-conv.csv')
const isTracePresent = existsSync(TRACE_FILE)

let service: TestService
let scenario: Scenario
let played: Played

beforeAll(async () => {
  service = await startService()
  const requests = isTracePresent ? readTrace(TRACE_FILE) : generateTrace(19_366, seededRandom(SEED, 'trace'))
  scenario = scenarioOf({ requests, customerCount: 200, seed: SEED })
  const { apiKey } = await createOrganization(service.databaseUrl, { name: 'Azure trace' })
  try {
    played = await playScenario(apiClient(service.url, apiKey), scenario, { step: () => {}, progress: () => {} })
  } catch (error) {
    throw new Error(`${String(error)}\n${service.output()}`, { cause: error })
  }
}, 300_000)

afterAll(async () => {
  await service?.stop()
})

test('half of the batches are sent twice', () => {
  const { length } = scenario.requests
  expect(played.eventsSent).toBeGreaterThan(length * 1.45)
  expect(played.eventsSent).toBeLessThan(length * 1.55)
})

test.runIf(isTracePresent)('the invoices bill exactly the tokens of the trace', () => {
  expect(totalUnits(played.invoices, 'context_tokens')).toBe(22_361_870n)
  expect(totalUnits(played.invoices, 'generated_tokens')).toBe(4_088_665n)
})

test('the invoices bill exactly the tokens that were sent', () => {
  const sum = (key: 'contextTokens' | 'generatedTokens') =>
    BigInt(scenario.requests.reduce((total, request) => total + request[key], 0))
  expect(totalUnits(played.invoices, 'context_tokens')).toBe(sum('contextTokens'))
  expect(totalUnits(played.invoices, 'generated_tokens')).toBe(sum('generatedTokens'))
})

test('every customer has one invoice, equal to the cent to one computed from the requests in another way', () => {
  expect(played.invoices).toHaveLength(200)
  expect(findDifferences(expectedInvoices(scenario), played.invoices)).toEqual([])
})

test('invoices are numbered without a gap', () => {
  const numbers = played.invoices.map(({ number }) => number ?? '').sort()
  expect(numbers).toEqual(Array.from({ length: 200 }, (_, index) => `INV-${String(index + 1).padStart(6, '0')}`))
})
