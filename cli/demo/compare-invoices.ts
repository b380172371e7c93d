import type { InvoiceAnswer } from './close-periods.ts'
import type { ExpectedInvoice } from './expected-invoices.ts'

/** Every way in which the invoices are not the expected ones, a sentence each; none when they are equal to the cent. */
export function findDifferences(expected: readonly ExpectedInvoice[], actual: readonly InvoiceAnswer[]): string[] {
  const unmatched = new Map(expected.map((invoice) => [`${invoice.customerId} ${invoice.month}`, invoice]))
  const differences = actual.flatMap((invoice) => {
    const key = `${invoice.external_customer_id} ${invoice.period_start.slice(0, 10)}`
    const match = unmatched.get(key)
    unmatched.delete(key)
    return match === undefined
      ? [`${key} has an invoice too many`]
      : compare(match, invoice).map((text) => `${key} ${text}`)
  })
  return [...differences, ...[...unmatched.keys()].map((key) => `${key} has no invoice`)]
}

function compare(expected: ExpectedInvoice, actual: InvoiceAnswer): string[] {
  const found = [
    difference('status', 'finalized', actual.status),
    difference('currency', expected.currency, actual.currency),
    difference('total', expected.totalMinor, BigInt(actual.total_cents)),
  ]
  const lines = new Map(actual.lines.map((line) => [line.billable_metric_code, line]))
  for (const [metric, units] of expected.units) {
    const line = lines.get(metric)
    found.push(difference(`units of ${metric}`, units.toString(), line?.units))
    found.push(difference(`amount of ${metric}`, expected.amountsMinor.get(metric), line && BigInt(line.amount_cents)))
  }
  const usageLines = actual.lines.filter(({ kind }) => kind === 'usage').length
  found.push(difference('number of usage lines', expected.units.size, usageLines))
  return found.flat()
}

function difference<Value extends string | number | bigint | undefined>(
  what: string,
  expected: Value,
  actual: Value,
): string[] {
  return expected === actual ? [] : [`has the ${what} ${actual ?? 'missing'} instead of ${expected}`]
}
