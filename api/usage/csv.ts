import type { FastifyRequest } from 'fastify'

/** Whether a request wants a table: by its `format`, or else by what it accepts. */
export function asksForCsv({ query, headers }: FastifyRequest): boolean {
  const { format } = query as { format?: string }
  return format === undefined ? /\btext\/csv\b/i.test(headers.accept ?? '') : format === 'csv'
}

/** Lines of fields as RFC 4180 writes them. A text that a spreadsheet would run as a formula gets an apostrophe first. */
export function csvText(lines: readonly (readonly string[])[]): string {
  return lines.map((fields) => `${fields.map(csvField).join(',')}\r\n`).join('')
}

function csvField(text: string): string {
  const harmless = FORMULA.test(text) && !DECIMAL.test(text) ? `'${text}` : text
  return /[",\r\n]/.test(harmless) ? `"${harmless.replaceAll('"', '""')}"` : harmless
}

const FORMULA = /^[=+\-@\t\r\n|%]/
const DECIMAL = /^[+-]?\d+(?:\.\d+)?$/
