import type { Issue } from '../errors.ts'

/** The fault of prices by event properties that the usage of the metric is not kept apart by; those are what plans price by. */
export function uncountedKeys(
  keys: readonly string[],
  { dimensionKeys }: { readonly dimensionKeys: readonly string[] },
  loc: Issue['loc'],
): Issue[] {
  if (keys.every((key) => dimensionKeys.includes(key))) return []
  const msg = `must be among what plans price the metric by: ${dimensionKeys.join(', ') || 'nothing'}`
  return [{ loc, msg, type: 'unknown' }]
}
