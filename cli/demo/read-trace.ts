import { readFileSync } from 'node:fs'
import type { UsageRequest } from './usage-request.ts'

const HEADER = 'TIMESTAMP,ContextTokens,GeneratedTokens'
const ROW = /^(\d{4}-\d{2}-\d{2})[ T](\d{2}:\d{2}:\d{2}(?:\.\d{1,9})?)(?:Z|\+00:00)?,(\d{1,15}),(\d{1,15})$/

/** Reads a trace file in the columns of the Azure LLM inference trace. Throws with the number of a line it cannot read. */
export function readTrace(path: string): UsageRequest[] {
  return parseTrace(readFileSync(path, 'utf8'))
}

/** The same from text. Timestamps are UTC. */
export function parseTrace(text: string): UsageRequest[] {
  const [header, ...rows] = text
    .replace(/^\uFEFF/, '')
    .trimEnd()
    .split(/\r?\n/)
  if (header !== HEADER) throw new Error(`The trace must begin with the line ${HEADER}`)
  if (rows.length === 0) throw new Error('The trace has no requests.')
  return rows.map(parseRow)
}

function parseRow(row: string, index: number): UsageRequest {
  const [, date, time, contextTokens, generatedTokens] = ROW.exec(row) ?? []
  const timestamp = `${date}T${time}Z`
  if (date === undefined || Number.isNaN(Date.parse(timestamp))) {
    throw new Error(`Line ${index + 2} of the trace is not like 2023-11-16 18:15:46.6805900,374,44 but: ${row}`)
  }
  return { timestamp, contextTokens: Number(contextTokens), generatedTokens: Number(generatedTokens) }
}
