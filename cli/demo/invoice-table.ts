import type { InvoiceAnswer } from './close-periods.ts'
import { CURRENCY_DIGITS } from './price-list.ts'

const SHOWN_PER_CURRENCY = 5

/** The largest invoices of each currency, as lines of a table. */
export function invoiceTable(invoices: readonly InvoiceAnswer[]): string[] {
  const largest = Object.keys(totalsByCurrency(invoices)).flatMap((code) =>
    invoices
      .filter(({ currency }) => currency === code)
      .sort((one, other) => other.total_cents - one.total_cents)
      .slice(0, SHOWN_PER_CURRENCY),
  )
  return alignedRows([
    ['INVOICE', 'CUSTOMER', 'PERIOD', 'CONTEXT TOKENS', 'GENERATED TOKENS', 'TOTAL', ''],
    ...largest.map((invoice) => [
      invoice.number ?? 'draft',
      invoice.external_customer_id,
      invoice.period_start.slice(0, 7),
      grouped(unitsOf(invoice, 'context_tokens')),
      grouped(unitsOf(invoice, 'generated_tokens')),
      grouped(amountText(BigInt(invoice.total_cents), invoice.currency)),
      invoice.currency,
    ]),
  ])
}

/** What all invoices of each currency add up to, as lines of a table. */
export function totalsTable(invoices: readonly InvoiceAnswer[]): string[] {
  const counts = Map.groupBy(invoices, ({ currency }) => currency)
  return alignedRows([
    ['CURRENCY', 'INVOICES', 'TOTAL'],
    ...Object.entries(totalsByCurrency(invoices)).map(([currency, total]) => [
      currency,
      String(counts.get(currency)?.length),
      grouped(total),
    ]),
  ])
}

/** The sum of the invoices of each currency in major units, for example `{ USD: '1234.56' }`. */
export function totalsByCurrency(invoices: readonly InvoiceAnswer[]): Record<string, string> {
  const sums = new Map<string, bigint>()
  for (const { currency, total_cents: total } of invoices) {
    sums.set(currency, (sums.get(currency) ?? 0n) + BigInt(total))
  }
  const sorted = [...sums].sort(([one], [other]) => (one < other ? -1 : 1))
  return Object.fromEntries(sorted.map(([currency, sum]) => [currency, amountText(sum, currency)]))
}

/** Everything the invoices bill of a metric. */
export function totalUnits(invoices: readonly InvoiceAnswer[], metricCode: string): bigint {
  return invoices.reduce((sum, invoice) => sum + BigInt(unitsOf(invoice, metricCode) || '0'), 0n)
}

function unitsOf({ lines }: InvoiceAnswer, metricCode: string): string {
  return lines.find((line) => line.billable_metric_code === metricCode)?.units ?? ''
}

function amountText(minor: bigint, currency: string): string {
  const digits = (CURRENCY_DIGITS as Record<string, number>)[currency] ?? 0
  if (digits === 0) return minor.toString()
  const text = minor.toString().padStart(digits + 1, '0')
  return `${text.slice(0, -digits)}.${text.slice(-digits)}`
}

function grouped(number: string): string {
  const [whole = '', fraction] = number.split('.')
  const separated = whole.replace(/\B(?=(\d{3})+$)/g, ',')
  return fraction === undefined ? separated : `${separated}.${fraction}`
}

// Columns of which every cell is a number stand to the right.
function alignedRows(rows: readonly (readonly string[])[]): string[] {
  const columns = rows[0]?.map((_, column) => rows.map((row) => row[column] ?? '')) ?? []
  const aligned = columns.map((cells) => {
    const width = Math.max(...cells.map((cell) => cell.length))
    const isNumber = cells.slice(1).every((cell) => /^[\d,.]*$/.test(cell))
    return cells.map((cell) => (isNumber ? cell.padStart(width) : cell.padEnd(width)))
  })
  return rows.map((_, row) => `  ${aligned.map((cells) => cells[row]).join('  ')}`.trimEnd())
}
