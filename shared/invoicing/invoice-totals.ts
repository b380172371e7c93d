import { assert } from '../errors.ts'

/** The sums of an invoice in minor units of its one currency. */
export interface InvoiceTotals {
  readonly currency: string
  readonly subtotalMinor: bigint
  readonly taxMinor: bigint
  readonly totalMinor: bigint
}

/** Adds up rounded lines, all of the given currency. No tax is due yet. */
export function invoiceTotals(
  currency: string,
  lines: readonly { readonly amountMinor: bigint; readonly currency: string }[],
): InvoiceTotals {
  assert(
    lines.every((line) => line.currency === currency),
    `an invoice in ${currency} has a line in another currency`,
  )
  const subtotalMinor = lines.reduce((sum, line) => sum + line.amountMinor, 0n)
  const taxMinor = 0n
  return { currency, subtotalMinor, taxMinor, totalMinor: subtotalMinor + taxMinor }
}

/** The totals with more rounded lines of the same currency. */
export function withLines(
  totals: InvoiceTotals,
  added: readonly { readonly line: { readonly amountMinor: bigint; readonly currency: string } }[],
): InvoiceTotals {
  const { currency, subtotalMinor } = totals
  return invoiceTotals(currency, [{ amountMinor: subtotalMinor, currency }, ...added.map(({ line }) => line)])
}
