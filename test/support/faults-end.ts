import { pidsOf } from './faults-service.ts'
import { until } from './faults-until.ts'
import type { TestService } from './processes.ts'

/** In this time a process that is asked to end must have ended; the runner waits no longer. */
export const END_WITHIN_MS = 10_000

export interface End {
  readonly name: string
  /** `code 0` when it ended by itself and had nothing to complain about. */
  readonly how: string
  readonly durationMs: number
}

/** Sends SIGTERM to a process and resolves when it has ended; the runner starts it again. */
export async function askToEnd(service: TestService, name: string): Promise<End> {
  let end: End | undefined
  const startedAt = performance.now()
  const listen = (dead: string, how: string) => {
    if (dead === name) end ??= { name, how, durationMs: Math.round(performance.now() - startedAt) }
  }
  service.supervisor.on('death', listen)
  try {
    process.kill(pidsOf(service).get(name) as number, 'SIGTERM')
    await until(`${name} has ended`, () => end !== undefined)
  } finally {
    service.supervisor.off('death', listen)
  }
  return end as unknown as End
}

/** Resolves when the runner has every process running. */
export async function untilAllRun(service: TestService): Promise<void> {
  await until('every process runs', () => ![...pidsOf(service).values()].includes(undefined))
}
