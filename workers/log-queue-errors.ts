import type { QueueBackend } from '../queues/backend.ts'
import type { WorkerContext } from './context.ts'

type Worker = ReturnType<QueueBackend['createWorker']>
type Log = Pick<WorkerContext['log'], 'warn'>

/**
 * Writes what a worker reports of its queue to the log, once a second at most: BullMQ repeats an error for every failed
 * poll while the broker is away. A lock that could not be renewed is told apart: for a job that runs it means that another
 * worker may run it as well; for one that ended while the locks were being renewed, nothing.
 */
export function logQueueErrors(worker: Pick<Worker, 'on'>, log: Log, isRunning: (jobId: string) => boolean): void {
  const logUnavailable = atMostEverySecond((error: Error) => log.warn({ err: error.message }, 'queue unavailable'))
  worker.on('error', (error) => {
    // BullMQ says the same a second time as `lockRenewalFailed`, with the ids.
    if (!error.message.startsWith('could not renew lock for job ')) logUnavailable(error)
  })
  worker.on('lockRenewalFailed', (jobIds) => {
    const jobs = jobIds.filter(isRunning)
    if (jobs.length > 0) log.warn({ jobs }, 'locks of running jobs lost; another worker may run them as well')
  })
}

/** What is away stays away for a while, and one line a second tells as much as one per try. */
export function atMostEverySecond(report: (error: Error) => void): (error: Error) => void {
  let lastReportedAt = Number.NEGATIVE_INFINITY
  return (error) => {
    const now = performance.now()
    if (now - lastReportedAt < 1000) return
    lastReportedAt = now
    report(error)
  }
}
