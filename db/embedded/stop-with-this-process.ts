const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const
const companions = new Map<number, NodeJS.Signals>()

/**
 * Sends the signal to the process when this one ends in any way but `kill -9`. Answers how to call that off. Whoever
 * handles the ending signals itself is left to do so: the signal then goes out at the exit.
 */
export function stopWithThisProcess(pid: number, signal: NodeJS.Signals): () => void {
  if (companions.size === 0) listen()
  companions.set(pid, signal)
  return () => {
    companions.delete(pid)
    if (companions.size === 0) stopListening()
  }
}

function listen(): void {
  process.on('exit', stopCompanions)
  for (const signal of SIGNALS) process.on(signal, onSignal)
}

function stopListening(): void {
  process.off('exit', stopCompanions)
  for (const signal of SIGNALS) process.off(signal, onSignal)
}

function onSignal(signal: NodeJS.Signals): void {
  if (process.listenerCount(signal) > 1) return
  stopCompanions()
  stopListening()
  process.kill(process.pid, signal)
}

function stopCompanions(): void {
  for (const [pid, signal] of companions) {
    try {
      process.kill(pid, signal)
    } catch {
      // It is gone already.
    }
  }
}
