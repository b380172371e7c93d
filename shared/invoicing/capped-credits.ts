import { partsOfCredit } from './parts-of-credit.ts'
import type { RatedLine } from './rated-line.ts'

/**
 * Late lines as an invoice can bear them: credits take off at most what its other lines come to, the earlier ones first,
 * so that no total is below zero. `cut` names the invoices of the periods whose credit is not all given yet.
 */
export function cappedCredits<Line extends { readonly line: RatedLine }>(
  lines: readonly Line[],
  /** What the invoice comes to without them, in minor units. */
  otherMinor: bigint,
): { readonly lines: readonly Line[]; readonly cut: ReadonlySet<string> } {
  let left = lines.reduce((sum, { line }) => (line.amountMinor > 0n ? sum + line.amountMinor : sum), otherMinor)
  const cut = new Set<string>()
  const capped = lines.flatMap((late): Line[] => {
    const { line } = late
    if (line.amountMinor >= 0n) return [late]
    const amountMinor = -line.amountMinor <= left ? line.amountMinor : -left
    left += amountMinor
    if (amountMinor === line.amountMinor) return [late]
    if (line.corrects !== undefined) cut.add(line.corrects.invoiceId)
    const [part] = amountMinor === 0n ? [] : partsOfCredit(line, [amountMinor, line.amountMinor - amountMinor])
    return part === undefined ? [] : [{ ...late, line: part }]
  })
  return { lines: capped, cut }
}
