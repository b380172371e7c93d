import { generateTrace } from '../../cli/demo/generate-trace.ts'
import { type Scenario, scenarioOf } from '../../cli/demo/scenario.ts'
import { seededRandom } from '../../cli/demo/seeded-random.ts'

/** Usage in November 2023 of so many customers, to be billed for that month and the next. */
export function faultScenario(size: { readonly requests: number; readonly customers: number }): Scenario {
  const seed = 7
  const requests = generateTrace(size.requests, seededRandom(seed, 'trace'))
  const months = ['2023-11-01', '2023-12-01']
  return { ...scenarioOf({ requests, customerCount: size.customers, seed }), months }
}

/** When both months are over and their grace periods too. */
export const AFTER_BOTH_MONTHS = '2024-01-01T02:00:00Z'
