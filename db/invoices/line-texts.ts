import { sql } from 'kysely'
import { parseExactJson } from '../../shared/json/exact-json.ts'
import type { AdjustmentRecord, StepRecord } from './step-records.ts'

/** What explains a line, as text, so that no number in it is read through a double; for queries over lines `l`. */
export const LINE_TEXTS = [
  sql<string>`l.steps::text`.as('stepsText'),
  sql<string>`l.adjustments::text`.as('adjustmentsText'),
] as const

interface LineTexts {
  readonly stepsText: string
  readonly adjustmentsText: string
}

/** How the amount of a line came about. */
export interface ReadTexts {
  readonly steps: StepRecord[]
  readonly adjustments: AdjustmentRecord[]
}

/** A line with what its texts say. */
export function withReadTexts<Line extends LineTexts>(line: Line): Omit<Line, keyof LineTexts> & ReadTexts {
  const { stepsText, adjustmentsText, ...rest } = line
  return {
    ...rest,
    steps: parseExactJson(stepsText) as StepRecord[],
    adjustments: parseExactJson(adjustmentsText) as AdjustmentRecord[],
  }
}
