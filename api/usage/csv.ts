import type { FastifyRequest } from 'fastify'

/** Whether a request wants a table: by its `format`, or else by what it accepts. */
export function asksForCsv({ query, headers }: FastifyRequest): boolean {
  const { format } = query as { format?: string }
  return format === undefined ? prefersCsv(headers.accept ?? '') : format === 'csv'
}

// Where both are wanted alike, the one that is named first; JSON where neither is named.
function prefersCsv(accept: string): boolean {
  const ranges = accept.split(',').map((range) => ({
    type: range.split(';', 1)[0]?.trim().toLowerCase(),
    quality: Number(/;\s*q=([\d.]+)/i.exec(range)?.[1] ?? 1),
  }))
  const [first] = ranges
    .filter(({ type, quality }) => (type === 'text/csv' || type === 'application/json') && quality > 0)
    .sort((one, other) => other.quality - one.quality)
  return first?.type === 'text/csv'
}

/** Lines of fields as RFC 4180 writes them. A text that a spreadsheet would run as a formula gets an apostrophe first. */
export function csvText(lines: readonly (readonly string[])[]): string {
  return lines.map((fields) => `${fields.map(csvField).join(',')}\r\n`).join('')
}

function csvField(text: string): string {
  const harmless = FORMULA.test(text) && !DECIMAL.test(text) ? `'${text}` : text
  return /[",\r\n]/.test(harmless) ? `"${harmless.replaceAll('"', '""')}"` : harmless
}

// Spreadsheets skip spaces before a formula, and some read the wide forms of its signs.
const FORMULA = /^\s*[=+\-@|%＝＋－＠]|^[\t\r\n]/
const DECIMAL = /^[+-]?\d+(?:\.\d+)?$/
