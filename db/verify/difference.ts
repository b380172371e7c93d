/** What is compared. */
export type Check =
  | 'rollups'
  | 'distinct_values'
  | 'event_keys'
  | 'running_charges'
  | 'billed_usage'
  | 'ledger_balances'
  | 'ledger_postings'
  | 'invoice_totals'
  | 'invoice_lines'
  | 'invoice_subscriptions'
  | 'invoice_numbers'
  | 'credit_note_totals'
  | 'credit_note_lines'
  | 'credit_note_subscriptions'
  | 'credit_note_numbers'
  | 'archives'

/** Something that is stored otherwise than what it is derived from says. */
export interface Difference {
  readonly check: Check
  /** Where it is, by name. */
  readonly about: Readonly<Record<string, string>>
  readonly stored: string | null
  readonly computed: string | null
}

/** The first differences, as many as are worth reading, and the number of all. */
export interface DifferenceLog {
  readonly listed: readonly Difference[]
  readonly count: number
  add(difference: Difference): void
}

/** Keeps the first differences and counts the rest. */
export function openDifferenceLog(most: number): DifferenceLog {
  const listed: Difference[] = []
  let count = 0
  return {
    listed,
    get count() {
      return count
    },
    add: (difference) => {
      count += 1
      if (listed.length < most) listed.push(difference)
    },
  }
}
