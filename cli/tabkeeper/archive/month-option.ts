import { parseUsageMonth, type UsageMonth } from '../../../db/archives/usage-month.ts'
import type { CommandRequest } from '../command.ts'
import { CommandError } from '../command-error.ts'

/** The month that an option names. */
export function requireMonth(option: string, { values }: CommandRequest): UsageMonth {
  const text = values[option] ?? ''
  const month = parseUsageMonth(text)
  if (month === undefined) throw new CommandError('usage', `--${option} is "${text}"; it takes a month as 2026-03.`)
  return month
}
