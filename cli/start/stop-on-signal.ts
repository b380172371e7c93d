/**
 * Calls `stop` at the first SIGINT, SIGTERM or SIGHUP and ends this process with 0 when it is done. A signal that comes
 * again changes nothing: Ctrl-C arrives twice under npm, from the terminal and passed on.
 */
export function stopOnSignal(stop: () => Promise<void>): void {
  let stopping = false
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.on(signal, () => {
      if (stopping) return
      stopping = true
      stop().then(
        () => process.exit(0),
        (error: unknown) => {
          console.error(error)
          process.exit(1)
        },
      )
    })
  }
}
