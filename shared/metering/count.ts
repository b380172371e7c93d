import type { Aggregation } from './aggregation.ts'

/** Every event is one unit. */
export const count: Aggregation = {
  needsField: false,
  contribution: () => ({ value: '1' }),
}
