import type { Issue } from '../shared/errors.ts'

/** How deep the lists and objects of a body may be nested. */
const MAX_DEPTH = 64
/** How many fields one object of a body may have. */
export const MAX_FIELDS = 10_000
/** How many fields all objects of a body may have, how many items all its lists, and how many of both there may be. */
const MAX_IN_ALL = 500_000
const MAX_NUMBER_LENGTH = 100_000

/** A list or an object that is open where the body is read. */
interface Level {
  isObject: boolean
  /** Fields of an object, commas of a list. */
  count: number
  /** Where the latest string of it begins: the key, until its value is a string. */
  stringAt: number
}

/**
 * In which way a JSON text asks for more work than anybody means; undefined when in none. It is asked before the text is
 * parsed: a million field names or a million brackets take the parser seconds. Takes time in proportion to the bytes, and
 * leaves what is no JSON to the parser. `loc` is where the text stands in the request.
 */
export function findOversize(body: Uint8Array, loc: Issue['loc'] = ['body']): Issue | undefined {
  const levels: Level[] = [{ isObject: false, count: 0, stringAt: 0 }]
  let depth = 0
  let [fields, items, opened] = [0, 0, 0]
  let tokenAt = 0
  const refuse = (msg: string, type: string, below = depth): Issue => ({
    loc: [...loc, ...levels.slice(1, below + 1).map((level) => placeIn(level, body))],
    msg,
    type,
  })
  for (let at = 0; at <= body.length; at += 1) {
    const byte = at === body.length ? COMMA : body[at]
    if (byte === QUOTE) {
      ;(levels[depth] as Level).stringAt = at
      at = endOfString(body, at)
    } else if (byte === COMMA || byte === CLOSE_LIST || byte === CLOSE_OBJECT) {
      if (at - tokenAt > MAX_NUMBER_LENGTH && isNumber(body, tokenAt, at)) {
        return refuse(`must be written with at most ${MAX_NUMBER_LENGTH} characters`, 'number_too_long')
      }
      const level = levels[depth] as Level
      if (byte !== COMMA) depth = Math.max(depth - 1, 0)
      else if (!level.isObject) {
        level.count += 1
        items += 1
        if (items > MAX_IN_ALL) return refuse(`must have at most ${MAX_IN_ALL} list items in all`, 'too_long', 0)
      }
    } else if (byte === OPEN_LIST || byte === OPEN_OBJECT) {
      opened += 1
      // One that is nested without a comma is no item, but takes as much memory.
      if (opened > MAX_IN_ALL) return refuse(`must have at most ${MAX_IN_ALL} lists and objects in all`, 'too_long', 0)
      if (depth === MAX_DEPTH) return refuse(`must not be nested deeper than ${MAX_DEPTH} levels`, 'too_deep')
      depth += 1
      openLevel(levels, depth, byte === OPEN_OBJECT)
    } else if (byte === COLON) {
      const level = levels[depth] as Level
      level.count += 1
      fields += 1
      if (level.count > MAX_FIELDS) return refuse(`must have at most ${MAX_FIELDS} fields`, 'too_long', depth - 1)
      if (fields > MAX_IN_ALL) return refuse(`must have at most ${MAX_IN_ALL} fields in all`, 'too_long', 0)
    } else continue
    tokenAt = at + 1
  }
  return undefined
}

const QUOTE = 34
const COMMA = 44
const COLON = 58
const OPEN_LIST = 91
const BACKSLASH = 92
const CLOSE_LIST = 93
const OPEN_OBJECT = 123
const CLOSE_OBJECT = 125

/** Where the string that begins at the quote given ends: at its last quote, or with the body. */
function endOfString(body: Uint8Array, start: number): number {
  for (let at = start + 1; at < body.length; at += 1) {
    if (body[at] === QUOTE) return at
    if (body[at] === BACKSLASH) at += 1
  }
  return body.length
}

// Levels are used again, because a body has many more objects than levels.
function openLevel(levels: Level[], depth: number, isObject: boolean): void {
  const level = levels[depth]
  if (level === undefined) levels.push({ isObject, count: 0, stringAt: 0 })
  else Object.assign(level, { isObject, count: 0 })
}

function isNumber(body: Uint8Array, start: number, end: number): boolean {
  const text = Buffer.from(body.subarray(start, end)).toString('latin1').trim()
  return text.length > MAX_NUMBER_LENGTH && /^-?\d/.test(text)
}

function placeIn({ isObject, count, stringAt }: Level, body: Uint8Array): string | number {
  if (!isObject) return count
  const text = Buffer.from(body.subarray(stringAt, endOfString(body, stringAt) + 1)).toString()
  try {
    return String(JSON.parse(text))
  } catch {
    return text
  }
}
