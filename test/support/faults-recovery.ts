import type { FaultyService, HeldJob } from './faults-service.ts'
import { until } from './faults-until.ts'

/** In this time the lock of a killed worker has run out, a check has found its jobs, and another has done them. */
export const RECOVERY_WITHIN_MS = 20_000
const PATIENCE_MS = 30_000

export interface KillReport {
  readonly name: string
  readonly jobsHeld: number
  /** From the kill until the runner had started the process again. */
  readonly restartedMs: number
  /** From the kill until the work it had begun was done. */
  readonly recoveredMs: number
}

/** Kills processes with `kill -9` and keeps the books on how long each took to come back. */
export class Killer {
  readonly #service: FaultyService
  readonly #reports: Promise<KillReport>[] = []

  constructor(service: FaultyService) {
    this.#service = service
  }

  /** Resolves when it is started again; whether its jobs are done in time, `reports` tells. */
  async killWorker(name: Parameters<FaultyService['listHeldJobs']>[0], held?: readonly HeldJob[]): Promise<void> {
    const jobs = held ?? (await this.#service.listHeldJobs(name))
    await this.#kill({
      name,
      jobsHeld: jobs.length,
      kill: () => this.#service.kill(name),
      isRecovered: () => areDone(jobs),
    })
  }

  /** Resolves when it is started again, by the runner unless `kill` says how; it has recovered when `works` says so. */
  async killServer(
    name: 'web' | 'postgres' | 'redis',
    works: () => Promise<boolean>,
    kill = () => this.#service.kill(name),
  ): Promise<void> {
    await this.#kill({ name, jobsHeld: 0, kill, isRecovered: works })
  }

  /** One report per kill, in their order. Throws when one has not recovered at all. */
  async reports(): Promise<readonly KillReport[]> {
    return await Promise.all(this.#reports)
  }

  async #kill({ name, jobsHeld, kill, isRecovered }: Kill): Promise<void> {
    const killedAt = performance.now()
    await kill()
    const restartedMs = Math.round(performance.now() - killedAt)
    const recovered = until(`${name} has recovered`, isRecovered, PATIENCE_MS)
    const report = recovered.then((waitedMs) => ({ name, jobsHeld, restartedMs, recoveredMs: restartedMs + waitedMs }))
    // It is `reports` that fails; nobody listens before.
    report.catch(() => undefined)
    this.#reports.push(report)
  }
}

interface Kill {
  readonly name: string
  readonly jobsHeld: number
  readonly kill: () => Promise<void>
  readonly isRecovered: () => Promise<boolean>
}

// A finished job is soon forgotten, so one that is unknown is done too.
async function areDone(jobs: readonly HeldJob[]): Promise<boolean> {
  const states = await Promise.all(jobs.map(({ queue, id }) => queue.getJobState(id).catch(() => 'unreachable')))
  return states.every((state) => state === 'completed' || state === 'unknown')
}
