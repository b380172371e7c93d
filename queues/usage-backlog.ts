import { randomUUID } from 'node:crypto'
import type { Producer } from './producer.ts'

// Beyond this many jobs of a partition the rest is projected from those that were read.
const MOST_READ = 10_000

const processName = randomUUID().slice(-12)
let lastNumber = 0

/**
 * An id for a job of `aggregate-usage`, unique and with the number of its events in it: so that the events that wait
 * can be added up without reading a single job.
 */
export function usageJobId(events: number): string {
  lastNumber += 1
  return `${processName}-${lastNumber}-${events}`
}

/** Events that are accepted and not counted yet, over all organizations: waiting, being counted, or to be tried again. */
export async function countQueuedEvents(producer: Producer): Promise<number> {
  const partitions = await producer.unfinishedJobs('aggregate-usage', MOST_READ)
  return partitions.reduce((sum, { ids, jobs }) => sum + projectedEvents(ids, jobs), 0)
}

function projectedEvents(ids: readonly string[], jobs: number): number {
  const events = ids.reduce((sum, id) => sum + eventsOf(id), 0)
  return jobs > ids.length ? Math.round((events / ids.length) * jobs) : events
}

// A job of an older release has another id; it counts as one event.
function eventsOf(jobId: string): number {
  return Number(/-(\d+)$/.exec(jobId)?.[1] ?? 1)
}
