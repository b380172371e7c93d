/** One code of several names, so that other names never give the same: `agent:a:b` is the agent "a" and then "b". */
export function joinedCode(prefix: string, names: readonly string[]): string {
  return [prefix, ...names.map((name) => name.replaceAll('%', '%25').replaceAll(':', '%3A'))].join(':')
}
