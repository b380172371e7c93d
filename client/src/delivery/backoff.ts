const FIRST_MS = 250

/**
 * How long to wait after this many failures in a row: anything up to a bound that doubles, so that many clients of a
 * service that comes back do not all return at once. `random` is from 0 to 1.
 */
export function backoffMs(failures: number, { maxMs, random }: { maxMs: number; random: number }): number {
  return Math.round(random * Math.min(maxMs, FIRST_MS * 2 ** Math.min(failures, 30)))
}
