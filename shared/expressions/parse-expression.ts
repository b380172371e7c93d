import jsep from 'jsep'
import { parseDecimal } from '../money/decimal.ts'
import type { Expression } from './expression.ts'
import { BINARY_OPERATORS, EVENTS_FUNCTIONS, UNARY_OPERATORS, VALUE_FUNCTIONS } from './expression.ts'

/** What an expression may speak of. */
export interface Vocabulary {
  readonly names: readonly string[]
  /** Objects whose properties may be named: `properties.region`, `properties["my key"]`. */
  readonly objects: readonly string[]
  /** May stand before all of them: with `event`, `event.properties.region` is `properties.region`. */
  readonly prefix?: string
  /** The same inside of a function over events; absent where there are no such functions. */
  readonly ofEvents?: { readonly names: readonly string[]; readonly objects: readonly string[] }
}

/** Why a text is no expression. */
export interface ExpressionFault {
  readonly type: 'expression_syntax' | 'expression_unknown' | 'expression_too_long'
  readonly msg: string
  /** Where it is, counted from 1; absent when it is nowhere in particular. */
  readonly position?: number
}

export type ParsedExpression = { readonly expression: Expression } | { readonly fault: ExpressionFault }

/** Bounds of one evaluation, whatever was written. */
const MAX_TEXT_LENGTH = 1000
const MAX_PARTS = 200

/**
 * Reads an expression. The library only finds the tree; each of its parts is then taken over by name, and what is not
 * known here (members, indexes, assignments, other functions) is refused. So nothing of the language it was written
 * for can be reached from an expression.
 */
export function parseExpression(text: string, vocabulary: Vocabulary): ParsedExpression {
  if (text.length > MAX_TEXT_LENGTH)
    return faultOf('expression_too_long', `must have at most ${MAX_TEXT_LENGTH} characters`)
  try {
    return { expression: new TreeReader(vocabulary).read(jsep(text)) }
  } catch (error) {
    if (error instanceof Refusal) return faultOf(error.type, error.message, positionOf(text, error.word))
    // What the library throws says where it stopped.
    const { description, index } = error as { description?: string; index?: number }
    const position = index === undefined ? undefined : Math.min(index + 1, Math.max(text.length, 1))
    return faultOf('expression_syntax', `cannot be read: ${description ?? 'bad syntax'}`, position)
  }
}

function faultOf(type: ExpressionFault['type'], msg: string, position?: number): { readonly fault: ExpressionFault } {
  return { fault: { type, msg, ...(position === undefined ? {} : { position }) } }
}

/** Counted from 1: where the word first stands outside of quotes. The parts of the tree do not know where they stood. */
function positionOf(text: string, word: string | undefined): number | undefined {
  if (word === undefined) return undefined
  for (const token of text.matchAll(/"(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*'|[\p{L}\p{N}_$]+|[^\p{L}\p{N}_$\s"']+/gu)) {
    const [found] = token
    if (found === word || (!/[\p{L}\p{N}_$]/u.test(word) && found.includes(word))) return token.index + 1
  }
  return undefined
}

class Refusal extends Error {
  readonly type: ExpressionFault['type']
  /** What of the text is at fault. */
  readonly word: string | undefined

  constructor(type: ExpressionFault['type'], msg: string, word?: string) {
    super(msg)
    this.type = type
    this.word = word
  }
}

class TreeReader {
  readonly #vocabulary: Vocabulary
  #parts = 0
  #isOverEvents = false

  constructor(vocabulary: Vocabulary) {
    this.#vocabulary = vocabulary
  }

  read(expression: jsep.Expression): Expression {
    this.#parts += 1
    if (this.#parts > MAX_PARTS) throw new Refusal('expression_too_long', `must have at most ${MAX_PARTS} parts`)
    const node = expression as jsep.CoreExpression
    switch (node.type) {
      case 'Literal':
        return constantOf(node)
      case 'Identifier':
        return { kind: 'name', name: this.#known(node.name, 'names') }
      case 'MemberExpression':
        return this.#readProperty(node)
      case 'UnaryExpression':
        return { kind: 'unary', operator: oneOf(UNARY_OPERATORS, node.operator), operand: this.read(node.argument) }
      case 'BinaryExpression':
        return {
          kind: 'binary',
          operator: oneOf(BINARY_OPERATORS, node.operator),
          left: this.read(node.left),
          right: this.read(node.right),
        }
      case 'ConditionalExpression':
        return {
          kind: 'choice',
          test: this.read(node.test),
          whenTrue: this.read(node.consequent),
          whenFalse: this.read(node.alternate),
        }
      case 'CallExpression':
        return this.#readCall(node)
      default:
        throw new Refusal('expression_syntax', 'must be one expression of numbers, names, operators and functions')
    }
  }

  #readProperty(node: jsep.MemberExpression): Expression {
    const keys: string[] = []
    let object: jsep.Expression = node
    while (object.type === 'MemberExpression') {
      const member = object as jsep.MemberExpression
      keys.unshift(keyOf(member))
      object = member.object
    }
    if (object.type !== 'Identifier') throw new Refusal('expression_syntax', 'has a property of what has none')
    const isPrefixed = (object as jsep.Identifier).name === this.#vocabulary.prefix
    const [of = '', ...path] = isPrefixed ? keys : [(object as jsep.Identifier).name, ...keys]
    if (path.length === 0) return { kind: 'name', name: this.#known(of, 'names') }
    return { kind: 'property', of: this.#known(of, 'objects'), path: path.join('.') }
  }

  #readCall({ callee, arguments: operands }: jsep.CallExpression): Expression {
    const written = callee.type === 'Identifier' ? (callee as jsep.Identifier).name : ''
    // ROUND is round: expressions of other systems write functions in capitals.
    const name = written.toLowerCase()
    const [first, ...others] = operands
    if (isOneOf(EVENTS_FUNCTIONS, name) && this.#vocabulary.ofEvents !== undefined && !this.#isOverEvents) {
      if (first === undefined || others.length > 0) {
        throw new Refusal('expression_syntax', `${name} takes one operand`, written)
      }
      return { kind: 'overEvents', function: name, operand: this.#readOverEvents(first) }
    }
    if (!Object.hasOwn(VALUE_FUNCTIONS, name)) {
      const where = isOneOf(EVENTS_FUNCTIONS, name) ? ' here' : ''
      const msg = `"${written}" is not a function${where}; known are ${this.#functions()}`
      throw new Refusal('expression_unknown', msg, written)
    }
    const known = name as keyof typeof VALUE_FUNCTIONS
    const [least, greatest] = VALUE_FUNCTIONS[known]
    if (operands.length < least || operands.length > greatest) {
      throw new Refusal('expression_syntax', `${name} takes ${least} to ${greatest} operands`, written)
    }
    return { kind: 'call', function: known, operands: operands.map((operand) => this.read(operand)) }
  }

  #readOverEvents(operand: jsep.Expression): Expression {
    this.#isOverEvents = true
    const expression = this.read(operand)
    this.#isOverEvents = false
    return expression
  }

  #known(name: string, kind: 'names' | 'objects'): string {
    const ofEvents = this.#isOverEvents ? (this.#vocabulary.ofEvents?.[kind] ?? []) : []
    const known = [...this.#vocabulary[kind], ...ofEvents]
    if (known.includes(name)) return name
    const what = kind === 'names' ? 'a name' : 'an object'
    const msg = `"${name}" is not ${what} here; known are ${known.join(', ') || 'none'}`
    throw new Refusal('expression_unknown', msg, name)
  }

  #functions(): string {
    const overEvents = this.#vocabulary.ofEvents === undefined || this.#isOverEvents ? [] : EVENTS_FUNCTIONS
    return [...Object.keys(VALUE_FUNCTIONS), ...overEvents].join(', ')
  }
}

function keyOf({ computed, property, optional }: jsep.MemberExpression): string {
  const key = computed ? (property as jsep.Literal).value : (property as jsep.Identifier).name
  if (optional === true || typeof key !== 'string')
    throw new Refusal('expression_syntax', 'has a property without a name')
  return key
}

// The source text of a number is read, never the double that the library made of it.
function constantOf({ value, raw }: jsep.Literal): Expression {
  if (typeof value === 'string' || typeof value === 'boolean') return { kind: 'constant', value }
  const number = typeof value === 'number' ? parseDecimal(raw) : undefined
  if (number === undefined) throw new Refusal('expression_syntax', `${raw} is not a decimal of at most 30 digits`, raw)
  return { kind: 'constant', value: number }
}

function oneOf<T extends string>(known: readonly T[], text: string): T {
  if (isOneOf(known, text)) return text
  throw new Refusal('expression_unknown', `"${text}" is not an operator here; known are ${known.join(' ')}`, text)
}

function isOneOf<T extends string>(known: readonly T[], text: string): text is T {
  return (known as readonly string[]).includes(text)
}
