import type { Exact } from '../money/decimal.ts'

/** What an expression computes with. Null is what is not there. */
export type Value = Exact | string | boolean | null

/** An expression that was read: a tree of these and nothing else, so that whoever walks it knows all it can do. */
export type Expression =
  | { readonly kind: 'constant'; readonly value: Value }
  | { readonly kind: 'name'; readonly name: string }
  | { readonly kind: 'property'; readonly of: string; readonly path: string }
  | { readonly kind: 'unary'; readonly operator: UnaryOperator; readonly operand: Expression }
  | {
      readonly kind: 'binary'
      readonly operator: BinaryOperator
      readonly left: Expression
      readonly right: Expression
    }
  | {
      readonly kind: 'choice'
      readonly test: Expression
      readonly whenTrue: Expression
      readonly whenFalse: Expression
    }
  | { readonly kind: 'call'; readonly function: ValueFunction; readonly operands: readonly Expression[] }
  | { readonly kind: 'overEvents'; readonly function: EventsFunction; readonly operand: Expression }

export const UNARY_OPERATORS = ['-', '!'] as const
export type UnaryOperator = (typeof UNARY_OPERATORS)[number]

export const BINARY_OPERATORS = ['+', '-', '*', '/', '%', '<', '<=', '>', '>=', '==', '!=', '&&', '||'] as const
export type BinaryOperator = (typeof BINARY_OPERATORS)[number]

/** Functions of values, with the least and the greatest number of operands; `concat` joins texts, the others compute. */
export const VALUE_FUNCTIONS = {
  concat: [1, 20],
  min: [1, 20],
  max: [1, 20],
  abs: [1, 1],
  round: [1, 2],
  ceil: [1, 2],
  floor: [1, 2],
} as const satisfies Record<string, readonly [least: number, greatest: number]>
export type ValueFunction = keyof typeof VALUE_FUNCTIONS

/** Functions that evaluate their one operand for each event. */
export const EVENTS_FUNCTIONS = ['sum', 'count', 'largest', 'smallest', 'latest', 'distinct'] as const
export type EventsFunction = (typeof EVENTS_FUNCTIONS)[number]

/** What is evaluated for each event: the functions over events in the expression, from left to right. */
export function partsOverEvents(expression: Expression): readonly (Expression & { kind: 'overEvents' })[] {
  switch (expression.kind) {
    case 'overEvents':
      return [expression]
    case 'unary':
      return partsOverEvents(expression.operand)
    case 'binary':
      return [expression.left, expression.right].flatMap(partsOverEvents)
    case 'choice':
      return [expression.test, expression.whenTrue, expression.whenFalse].flatMap(partsOverEvents)
    case 'call':
      return expression.operands.flatMap(partsOverEvents)
    default:
      return []
  }
}

/** Whether any part of the expression is evaluated for each event. */
export function readsEvents(expression: Expression): boolean {
  return partsOverEvents(expression).length > 0
}
