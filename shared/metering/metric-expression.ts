import { assert } from '../errors.ts'
import { takesNumbers } from '../expressions/apply-over-events.ts'
import type { EvaluationFault, Scope } from '../expressions/evaluate-expression.ts'
import { evaluateExpression, evaluateNumber, evaluatePresent } from '../expressions/evaluate-expression.ts'
import type { Expression, Value } from '../expressions/expression.ts'
import { partsOverEvents } from '../expressions/expression.ts'
import type { ParsedExpression, Vocabulary } from '../expressions/parse-expression.ts'
import { parseExpression } from '../expressions/parse-expression.ts'
import { decimal, Exact, MAX_DECIMAL_DIGITS } from '../money/decimal.ts'
import type { Aggregation, Unusable } from './aggregation.ts'
import type { UsageEvent } from './usage-event.ts'

type Reads = Aggregation['reads']
type EventInScope = Pick<UsageEvent, 'timestampMicros' | 'properties'> & Partial<Pick<UsageEvent, 'code'>>

/** What the expression of a metric may speak of: one event, or events as a whole and, inside of functions, each. */
const VOCABULARIES: Readonly<Record<Reads, Vocabulary>> = {
  nothing: { names: [], objects: [] },
  value: { prefix: 'event', names: ['code', 'timestamp'], objects: ['properties'] },
  events: {
    prefix: 'event',
    names: ['events_count'],
    objects: [],
    ofEvents: { names: ['timestamp'], objects: ['properties'] },
  },
}

export function parseMetricExpression(text: string, reads: Reads): ParsedExpression {
  return parseExpression(text, VOCABULARIES[reads])
}

// A text is read once a process, not once an event. The bound keeps the texts of many tenants from piling up.
const known: Readonly<Record<Reads, Map<string, Expression>>> = {
  nothing: new Map(),
  value: new Map(),
  events: new Map(),
}
const MAX_KNOWN = 1000

/** The expression of a stored metric; it was checked when the metric was created. */
export function requireMetricExpression(text: string, reads: Reads): Expression {
  const ofReads = known[reads]
  const found = ofReads.get(text)
  if (found !== undefined) return found
  const result = parseMetricExpression(text, reads)
  assert('expression' in result, 'the expression of a metric cannot be read any more')
  if (ofReads.size >= MAX_KNOWN) ofReads.clear()
  ofReads.set(text, result.expression)
  return result.expression
}

/**
 * The value of an expression over one event, as a JSON value: a number is decimal text with at most 30 digits after the
 * point. Or why it has none: what is missing, is no number where one is due, or is divided by zero.
 */
export function readValue(expression: Expression, event: EventInScope): { readonly value: unknown } | Unusable {
  let fault: EvaluationFault | undefined
  const onFault = (met: EvaluationFault): void => {
    fault ??= met
  }
  const value = evaluatePresent(expression, { ...scopeOf(event), onFault })
  return fault === undefined ? storable(value) : unusable(fault)
}

/** Why an expression over events cannot use one of them; undefined when it can. */
export function findUnusablePart(expression: Expression, event: EventInScope): Unusable | undefined {
  let fault: EvaluationFault | undefined
  const onFault = (met: EvaluationFault): void => {
    fault ??= met
  }
  const scope = { ...scopeOf(event), onFault }
  for (const part of partsOverEvents(expression)) {
    if (takesNumbers(part.function)) evaluateNumber(part.operand, scope)
    else evaluateExpression(part.operand, scope)
    if (fault !== undefined) return unusable(fault)
  }
  return undefined
}

/** The names of an event; its time is in seconds since 1970, fractions included. */
export function scopeOf({ code, timestampMicros, properties }: EventInScope): Scope {
  return {
    names: {
      code: code ?? null,
      get timestamp() {
        return decimal(String(timestampMicros)).div(1_000_000)
      },
    },
    objects: { properties },
  }
}

function unusable({ type, details }: EvaluationFault): Unusable {
  if (type === 'division_by_zero') return { reason: 'expression_failed', details: { fault: type } }
  return { reason: type, details }
}

function storable(value: Value): { readonly value: unknown } | Unusable {
  if (!(value instanceof Exact)) return { value }
  const number = value.toDecimalPlaces(MAX_DECIMAL_DIGITS)
  if (number.e < MAX_DECIMAL_DIGITS) return { value: number.toFixed() }
  return { reason: 'expression_failed', details: { fault: 'number_too_large' } }
}
