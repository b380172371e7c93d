import type { Issue } from '../shared/errors.ts'

// A text, or what other languages write for a number that JSON does not have. A text without end takes all that is left,
// or else every quote in it would be tried as the beginning of another.
const TOKENS = /"[^"\\]*(?:\\[\s\S][^"\\]*)*(?:"|\\?$)|-?\b(?:NaN|Infinity)\b/g

// No request may hold it: the NUL character is refused everywhere.
const MARK = '\u0000'

// Looking for it costs more than refusing the body; no client that sends so much is told by hand what is wrong.
const MAX_LENGTH = 1024 * 1024

/**
 * Where a body that is no JSON writes NaN or Infinity in place of a number, so that the refusal names the field;
 * undefined when something else is wrong with it.
 */
export function findNotFinite(text: string): Issue | undefined {
  if (text.length > MAX_LENGTH || !/NaN|Infinity/.test(text)) return undefined
  const marked = text.replaceAll(TOKENS, (token) => (token.startsWith('"') ? token : JSON.stringify(MARK)))
  const path = findMark(parsed(marked))
  return path && { loc: ['body', ...path], msg: 'must be a finite number', type: 'finite_number' }
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

const MAX_DEPTH = 64

function findMark(value: unknown, path: readonly (string | number)[] = []): readonly (string | number)[] | undefined {
  if (value === MARK) return path
  if (typeof value !== 'object' || value === null || path.length > MAX_DEPTH) return undefined
  for (const [key, inner] of Object.entries(value)) {
    const found = findMark(inner, [...path, Array.isArray(value) ? Number(key) : key])
    if (found !== undefined) return found
  }
  return undefined
}
