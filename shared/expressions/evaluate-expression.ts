import { decimalOf } from '../json/exact-json.ts'
import { propertyAt } from '../metering/property.ts'
import { decimal, Exact, ZERO } from '../money/decimal.ts'
import type { BinaryOperator, EventsFunction, Expression, Value, ValueFunction } from './expression.ts'

/** What the names of an expression stand for. */
export interface Scope {
  readonly names: Readonly<Record<string, Value>>
  readonly objects: Readonly<Record<string, Readonly<Record<string, unknown>>>>
  /** The scope of each event, laid over this one; for functions over events. */
  readonly events?: readonly Scope[]
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
      return apply(
        expression.function,
        expression.operands.map((operand) => evaluateNumber(operand, scope)),
      )
    case 'overEvents':
      return evaluateOverEvents(expression.function, expression.operand, scope)
  }
}

/** The value of an expression as a number; what is none is zero. */
export function evaluateNumber(expression: Expression, scope: Scope): Exact {
  return numberOf(evaluateExpression(expression, scope))
}

function evaluateBinary(operator: BinaryOperator, left: Expression, right: Expression, scope: Scope): Value {
  const one = evaluateExpression(left, scope)
  if (operator === '&&') return isTrue(one) && isTrue(evaluateExpression(right, scope))
  if (operator === '||') return isTrue(one) || isTrue(evaluateExpression(right, scope))
  const other = evaluateExpression(right, scope)
  if (operator === '==') return areEqual(one, other)
  if (operator === '!=') return !areEqual(one, other)
  return compute(operator, numberOf(one), numberOf(other))
}

function compute(operator: Exclude<BinaryOperator, '&&' | '||' | '==' | '!='>, one: Exact, other: Exact): Value {
  switch (operator) {
    case '+':
      return bounded(one.plus(other))
    case '-':
      return bounded(one.minus(other))
    case '*':
      return bounded(one.times(other))
    case '/':
      return other.isZero() ? ZERO : bounded(one.div(other))
    case '%':
      return other.isZero() ? ZERO : bounded(one.mod(other))
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

function apply(name: ValueFunction, operands: readonly Exact[]): Exact {
  const [first = ZERO, second = ZERO] = operands
  switch (name) {
    case 'min':
      return Exact.min(...operands)
    case 'max':
      return Exact.max(...operands)
    case 'abs':
      return first.abs()
    case 'round':
      return first.toDecimalPlaces(places(second), Exact.ROUND_HALF_UP)
    case 'ceil':
      return first.toDecimalPlaces(places(second), Exact.ROUND_CEIL)
    case 'floor':
      return first.toDecimalPlaces(places(second), Exact.ROUND_FLOOR)
  }
}

function evaluateOverEvents(name: EventsFunction, operand: Expression, scope: Scope): Exact {
  const values = (scope.events ?? []).map((event) =>
    evaluateExpression(operand, {
      names: { ...scope.names, ...event.names },
      objects: { ...scope.objects, ...event.objects },
    }),
  )
  switch (name) {
    case 'sum':
      return bounded(values.reduce<Exact>((sum, value) => sum.plus(numberOf(value)), ZERO))
    case 'count':
      return decimal(BigInt(values.filter(isTrue).length))
    case 'largest':
      return values.length === 0 ? ZERO : values.map(numberOf).reduce((one, other) => Exact.max(one, other))
    case 'smallest':
      return values.length === 0 ? ZERO : values.map(numberOf).reduce((one, other) => Exact.min(one, other))
  }
}

// Far beyond all money and all fractions of it: it only bounds what a hostile chain of products can cost.
const GREATEST = new Exact('1e200')
const SMALLEST_EXPONENT = -200

function bounded(number: Exact): Exact {
  if (number.abs().greaterThan(GREATEST)) return number.isNegative() ? GREATEST.negated() : GREATEST
  return number.e < SMALLEST_EXPONENT ? ZERO : number
}

function places(number: Exact): number {
  return Exact.min(Exact.max(number.trunc(), 0), 30).toNumber()
}

/** A JSON value: numbers stay as they were written, and what is neither number, text nor truth is not there. */
function valueOf(value: unknown): Value {
  if (typeof value === 'string' || typeof value === 'boolean') return value
  return decimalOf(value) ?? null
}

function numberOf(value: Value): Exact {
  if (value instanceof Exact) return value
  return typeof value === 'boolean' ? new Exact(value ? 1 : 0) : (decimalOf(value) ?? ZERO)
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
