/** Whoever stops a process waits this long before killing it. */
export const KILL_AFTER_MS = 10_000

/** A process that cannot stop in order leaves by itself after this long: well before it would be killed. */
export const STOP_WITHIN_MS = 8_000
