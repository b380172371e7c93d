import { ClientError } from './client-error.ts'

/**
 * Throws `invalid_event` with the name of the first value that JSON would leave out or change without a word: numbers that
 * are not finite, functions, symbols, and objects whose content it does not see. `undefined` is left out of objects, as
 * everywhere in JSON, but in a list it would become another value. What has a `toJSON` is what that says.
 */
export function requireJsonValue(value: unknown, name: string): void {
  const meant = asJson(value)
  if (Array.isArray(meant)) {
    // By number, because what was never set in a list would be passed over.
    for (let index = 0; index < meant.length; index += 1) requireItem(meant[index], `${name}[${index}]`)
    return
  }
  if (typeof meant === 'object' && meant !== null && isPlain(meant)) {
    for (const [key, item] of Object.entries(meant)) requireJsonValue(item, `${name}.${key}`)
    return
  }
  if (meant === undefined || meant === null || typeof meant === 'string' || typeof meant === 'boolean') return
  if (typeof meant === 'number' && Number.isFinite(meant)) return
  throw new ClientError('invalid_event', `${name} is ${described(meant)}, which JSON cannot hold`)
}

/** Whether JSON sees the content of an object: of a Map, a regular expression, bytes and such it does not. */
export function isPlain(value: object): boolean {
  return Object.prototype.toString.call(value) === '[object Object]'
}

/** What JSON takes a value for. */
export function asJson(value: unknown): unknown {
  if (typeof value !== 'object' || value === null || !('toJSON' in value)) return value
  if (value instanceof Date && Number.isNaN(value.getTime())) return Number.NaN
  return typeof value.toJSON === 'function' ? (value.toJSON('') as unknown) : value
}

function requireItem(item: unknown, name: string): void {
  if (item === undefined)
    throw new ClientError('invalid_event', `${name} is undefined, which JSON cannot hold in a list`)
  requireJsonValue(item, name)
}

function described(value: unknown): string {
  if (typeof value === 'number') return String(value)
  if (typeof value === 'object') return `a ${Object.prototype.toString.call(value).slice('[object '.length, -1)}`
  return `a ${typeof value}`
}
