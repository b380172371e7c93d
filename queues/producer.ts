import type { JobsOptions, Queue } from 'bullmq'
import { assert } from '../shared/errors.ts'
import type { QueueBackend } from './backend.ts'
import { type Payload, partitionNames, QUEUES, type QueueName } from './contracts.ts'

export interface UnfinishedJobs {
  readonly ids: readonly string[]
  readonly jobs: number
}

const UNFINISHED = ['wait', 'active', 'delayed'] as const

/** Puts jobs into queues by contract: the payload's type, the retries and the partition follow from the name. */
export class Producer {
  readonly #queues: ReadonlyMap<QueueName, readonly Queue[]>

  constructor(backend: QueueBackend) {
    const names = Object.keys(QUEUES) as QueueName[]
    this.#queues = new Map(
      names.map((name) => [name, partitionNames(name).map((partition) => silenced(backend.createQueue(partition)))]),
    )
  }

  /**
   * Resolves once the job is durable. With a job id, adding it again while it is still known does nothing; an id takes
   * no colon and is no bare integer.
   */
  async enqueue<Name extends QueueName>(name: Name, payload: Payload<Name>, jobId?: string): Promise<void> {
    const partitions = this.#partitions(name)
    const queue = partitions[laneOf(payload) % partitions.length]
    assert(queue !== undefined, `queue ${name} has no partition`)
    await queue.add(name, payload, { ...jobOptions(name), ...(jobId === undefined ? {} : { jobId }) })
  }

  /** Repeats a job for ever; a second call with another interval replaces the first. */
  async schedule<Name extends QueueName>(name: Name, payload: Payload<Name>, everyMs: number): Promise<void> {
    const [queue] = this.#partitions(name)
    assert(queue !== undefined, `queue ${name} has no partition`)
    await queue.upsertJobScheduler(`every-${name}`, { every: everyMs }, { name, data: payload, opts: jobOptions(name) })
  }

  /** Jobs of the queue that are not finished: waiting, running or to be retried. */
  async backlog(name: QueueName): Promise<number> {
    const counts = await Promise.all(
      this.#partitions(name).map((queue) => queue.getJobCounts('wait', 'active', 'delayed', 'prioritized')),
    )
    return counts.flatMap((count) => Object.values(count)).reduce((sum, count) => sum + count, 0)
  }

  /**
   * The jobs of each partition that are not finished: how many there are, and the ids of up to `most` of them in each
   * of the states that they can be in.
   */
  async unfinishedJobs(name: QueueName, most: number): Promise<readonly UnfinishedJobs[]> {
    return await Promise.all(
      this.#partitions(name).map(async (queue) => {
        const ids = await queue.getRanges([...UNFINISHED], 0, most - 1)
        if (ids.length < most) return { ids, jobs: ids.length }
        const counts = await queue.getJobCounts(...UNFINISHED)
        return { ids, jobs: Object.values(counts).reduce((sum, count) => sum + count, 0) }
      }),
    )
  }

  /** Every broker queue, for the queue dashboard. */
  queues(): readonly Queue[] {
    return [...this.#queues.values()].flat()
  }

  async close(): Promise<void> {
    await Promise.all(this.queues().map((queue) => queue.close()))
  }

  #partitions(name: QueueName): readonly Queue[] {
    return this.#queues.get(name) ?? []
  }
}

function laneOf(payload: Payload<QueueName>): number {
  return 'organizationId' in payload ? payload.organizationId : 0
}

function jobOptions(name: QueueName): JobsOptions {
  const { attempts, backoffMs, keptCompleted } = QUEUES[name]
  return {
    attempts,
    backoff: { type: 'bounded', delay: backoffMs },
    // A count, also that of none, makes every job that ends look at all others that have: on Postgres such jobs wait for each
    // other in circles when many end at once.
    removeOnComplete: keptCompleted === 0 ? true : { count: keptCompleted },
    // A job that failed for good is a dead letter and stays until somebody looks at it.
    removeOnFail: false,
  }
}

// Errors reach the caller of each command; an error event without a listener would end the process.
function silenced(queue: Queue): Queue {
  return queue.on('error', () => undefined)
}
