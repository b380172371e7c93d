import { decimalOf } from '../json/exact-json.ts'
import { propertyAt } from '../metering/property.ts'
import { Exact, ZERO } from '../money/decimal.ts'
import { applyFunction } from './apply-function.ts'
import { applyOverEvents } from './apply-over-events.ts'
import { bounded } from './bounded.ts'
import type { BinaryOperator, Expression, Value } from './expression.ts'

/** What the names of an expression stand for. */
export interface Scope {
  readonly names: Readonly<Record<string, Value>>
  readonly objects: Readonly<Record<string, Readonly<Record<string, unknown>>>>
  /** The scope of each event, in order of time, laid over this one; for functions over events. */
  readonly events?: readonly Scope[]
  /** Is told what counted as zero without being a number. */
  readonly onFault?: (fault: EvaluationFault) => void
}

/** Something in an evaluation that has no number of its own. */
export interface EvaluationFault {
  readonly type: 'value_missing' | 'value_not_a_number' | 'division_by_zero'
  readonly details: Readonly<Record<string, string>>
}

/**
 * The value of an expression, in decimals of 140 digits. There is always one, so that no usage can stop a bill: what is
 * no number counts as zero where a number is due, anything divided by zero is zero, and a number beyond 10^200 is 10^200.
 */
export function evaluateExpression(expression: Expression, scope: Scope): Value {
  switch (expression.kind) {
    case 'constant':
      return expression.value
    case 'name':
      return scope.names[expression.name] ?? null
    case 'property':
      return valueOf(propertyAt(scope.objects[expression.of] ?? {}, expression.path))
    case 'unary':
      return expression.operator === '!'
        ? !isTrue(evaluateExpression(expression.operand, scope))
        : evaluateNumber(expression.operand, scope).negated()
    case 'binary':
      return evaluateBinary(expression.operator, expression.left, expression.right, scope)
    case 'choice':
      return evaluateExpression(
        isTrue(evaluateExpression(expression.test, scope)) ? expression.whenTrue : expression.whenFalse,
        scope,
      )
    case 'call':
      return expression.function === 'concat'
        ? expression.operands.map((operand) => evaluateText(operand, scope)).join('')
        : applyFunction(
            expression.function,
            expression.operands.map((operand) => evaluateNumber(operand, scope)),
          )
    case 'overEvents':
      return applyOverEvents(expression.function, evaluateForEvents(expression.operand, scope))
  }
}

/** The value of an expression as a number; what is none is zero. */
export function evaluateNumber(expression: Expression, scope: Scope): Exact {
  const value = evaluateExpression(expression, scope)
  if (value instanceof Exact) return value
  const number = numberOf(value)
  if (number === undefined) scope.onFault?.(faultOf(expression, value))
  return number ?? ZERO
}

/** The value of an expression that must have one: that there is none is told to `onFault`. */
export function evaluatePresent(expression: Expression, scope: Scope): Value {
  const value = evaluateExpression(expression, scope)
  if (value === null) scope.onFault?.(faultOf(expression, value))
  return value
}

function evaluateText(expression: Expression, scope: Scope): string {
  const value = evaluatePresent(expression, scope)
  return value instanceof Exact ? value.toFixed() : String(value ?? '')
}

function evaluateForEvents(operand: Expression, scope: Scope): { value: Value; number: Exact; isTrue: boolean }[] {
  return (scope.events ?? []).map((event) => {
    const value = evaluateExpression(operand, {
      names: { ...scope.names, ...event.names },
      objects: { ...scope.objects, ...event.objects },
    })
    return { value, number: numberOf(value) ?? ZERO, isTrue: isTrue(value) }
  })
}

function evaluateBinary(operator: BinaryOperator, left: Expression, right: Expression, scope: Scope): Value {
  switch (operator) {
    case '&&':
      return isTrue(evaluateExpression(left, scope)) && isTrue(evaluateExpression(right, scope))
    case '||':
      return isTrue(evaluateExpression(left, scope)) || isTrue(evaluateExpression(right, scope))
    case '==':
      return areEqual(evaluateExpression(left, scope), evaluateExpression(right, scope))
    case '!=':
      return !areEqual(evaluateExpression(left, scope), evaluateExpression(right, scope))
    default:
      return compute(operator, evaluateNumber(left, scope), evaluateNumber(right, scope), scope)
  }
}

type NumberOperator = Exclude<BinaryOperator, '&&' | '||' | '==' | '!='>

function compute(operator: NumberOperator, one: Exact, other: Exact, scope: Scope): Value {
  switch (operator) {
    case '+':
      return bounded(one.plus(other))
    case '-':
      return bounded(one.minus(other))
    case '*':
      return bounded(one.times(other))
    case '/':
    case '%':
      if (!other.isZero()) return bounded(operator === '/' ? one.div(other) : one.mod(other))
      scope.onFault?.({ type: 'division_by_zero', details: {} })
      return ZERO
    case '<':
      return one.lessThan(other)
    case '<=':
      return one.lessThanOrEqualTo(other)
    case '>':
      return one.greaterThan(other)
    case '>=':
      return one.greaterThanOrEqualTo(other)
  }
}

function faultOf(expression: Expression, value: string | boolean | null): EvaluationFault {
  const field = fieldOf(expression)
  if (value === null) return { type: 'value_missing', details: field }
  return { type: 'value_not_a_number', details: { ...field, value: JSON.stringify(value).slice(0, 200) } }
}

function fieldOf(expression: Expression): { field?: string } {
  if (expression.kind === 'property') return { field: `${expression.of}.${expression.path}` }
  return expression.kind === 'name' ? { field: expression.name } : {}
}

/** A JSON value: numbers stay as they were written, and what is neither number, text nor truth is not there. */
function valueOf(value: unknown): Value {
  if (typeof value === 'string' || typeof value === 'boolean') return value
  return decimalOf(value) ?? null
}

function numberOf(value: Value): Exact | undefined {
  if (value instanceof Exact) return value
  return typeof value === 'boolean' ? new Exact(value ? 1 : 0) : decimalOf(value)
}

function isTrue(value: Value): boolean {
  return value instanceof Exact ? !value.isZero() : value !== null && value !== false && value !== ''
}

// Numbers are equal however they were written: "1.0" from an event is 1.
function areEqual(one: Value, other: Value): boolean {
  const [left, right] = [one, other].map((value) => (value instanceof Exact ? value : decimalOf(value)))
  if (left !== undefined && right !== undefined) return left.equals(right)
  return one === other
}
