/**
 * What becomes of usage that arrives after the invoice of its period is final: lines of the next invoice, a debit or credit
 * note, or it is not counted and listed with its reason.
 */
export const LATE_USAGE_POLICIES = ['next_invoice', 'note', 'refuse'] as const

export type LateUsagePolicy = (typeof LATE_USAGE_POLICIES)[number]
