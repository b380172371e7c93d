import { UnrecoverableError } from 'bullmq'
import { Value } from 'typebox/value'
import { type Payload, partitionNames, QUEUES, type QueueName } from '../queues/contracts.ts'
import { AppError } from '../shared/errors.ts'
import type { WorkerContext } from './context.ts'
import { atMostEverySecond, logQueueErrors } from './log-queue-errors.ts'
import { outlastOutage } from './outlast-outage.ts'
import type { WorkerDefinition } from './worker-definition.ts'

/** Starts the worker on every partition of its queue. Answers with the function that stops it after its running jobs. */
export async function runWorker<Name extends QueueName>(
  definition: WorkerDefinition<Name>,
  context: WorkerContext,
): Promise<() => Promise<void>> {
  const process = definition.open(context)
  const log = context.log.child({ queue: definition.queue })
  if (definition.schedule !== undefined) {
    await context.producer.schedule(definition.queue, definition.schedule.payload, definition.schedule.everyMs)
  }
  const stopping = new AbortController()
  const logOutage = atMostEverySecond((error: Error) => log.warn({ err: error.message }, 'database unavailable'))
  const workers = partitionNames(definition.queue).map((name) => {
    const running = new Set<string>()
    const worker = context.backend.createWorker(
      name,
      async (job) => {
        const id = job.id as string
        running.add(id)
        try {
          const started = performance.now()
          const payload = parsePayload(definition.queue, job.data)
          const outcome = await refuseRetryOfFinal(() =>
            outlastOutage(() => process(payload), { signal: stopping.signal, onOutage: logOutage }),
          )
          const durationMs = Math.round(performance.now() - started)
          log[isQuiet(outcome) ? 'debug' : 'info']({ job: id, durationMs, ...outcome }, 'job done')
        } finally {
          running.delete(id)
        }
      },
      { concurrency: definition.concurrency },
    )
    worker.on('failed', (job, error) => {
      log.error({ job: job?.id, attempt: job?.attemptsMade, err: error }, 'job failed')
    })
    logQueueErrors(worker, log, (id) => running.has(id))
    return worker
  })
  return async () => {
    stopping.abort()
    await Promise.all(workers.map((worker) => worker.close()))
  }
}

// A queue may hold jobs of an older release, so what the compiler knows is checked again.
function parsePayload<Name extends QueueName>(queue: Name, payload: unknown): Payload<Name> {
  const schema = QUEUES[queue].payload
  if (Value.Check(schema, payload)) return payload as Payload<Name>
  const [fault] = Value.Errors(schema, payload)
  throw new UnrecoverableError(
    `payload of ${queue} does not fit its contract: ${fault?.instancePath} ${fault?.message}`,
  )
}

async function refuseRetryOfFinal<Result>(work: () => Promise<Result>): Promise<Result> {
  try {
    return await work()
  } catch (error) {
    if (error instanceof AppError && !error.retryable) throw new UnrecoverableError(`${error.code}: ${error.message}`)
    throw error
  }
}

// A look that found nothing to do is not worth a line.
function isQuiet(outcome: Readonly<Record<string, unknown>>): boolean {
  return Object.values(outcome).every((value) => value === 0)
}
