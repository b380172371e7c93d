import { setTimeout as pause } from 'node:timers/promises'
import { readQueuedBatches } from '../ingest/counted.ts'
import type { Bench } from '../ingest/measure-run.ts'
import { residentMegabytes } from '../ingest/process-costs.ts'

const EVERY_MS = 10_000

/** What the service held at one time. */
export interface Sample {
  readonly seconds: number
  /** Jobs of events that waited to be counted. */
  readonly queuedBatches: number
  /** By process; Postgres is left out, because its shared memory counts once for each of its processes. */
  readonly megabytes: Readonly<Record<string, number>>
}

/** Looks every ten seconds until it is over; `tell` hears of each look. */
export async function watchService(
  bench: Bench,
  isOver: () => boolean,
  tell: (sample: Sample) => void,
): Promise<readonly Sample[]> {
  const samples: Sample[] = []
  const startedAt = performance.now()
  while (!isOver()) {
    await pause(EVERY_MS)
    const sample = await look(bench, Math.round((performance.now() - startedAt) / 1000))
    samples.push(sample)
    tell(sample)
  }
  return samples
}

async function look({ service, organization }: Bench, seconds: number): Promise<Sample> {
  const queuedBatches = await readQueuedBatches(organization)
  const running = service.processes().filter(({ name }) => name !== 'postgres')
  const held = running.flatMap(({ name, pid }) => (pid === undefined ? [] : [[name, residentMegabytes(pid)]]))
  return { seconds, queuedBatches, megabytes: Object.fromEntries(held) }
}

export function lineOf({ seconds, queuedBatches, megabytes }: Sample): string {
  const held = Object.entries(megabytes).map(([name, value]) => `${name} ${value}`)
  return `${String(seconds).padStart(5)} s  ${String(queuedBatches).padStart(4)} batches queued  MB: ${held.join(', ')}`
}

/** The most that was held in the first third and in the last: what grows shows there. */
export function comparison(samples: readonly Sample[]): string[] {
  const third = Math.ceil(samples.length / 3)
  const [first, last] = [samples.slice(0, third), samples.slice(-third)]
  const row = (name: string, valueOf: (sample: Sample) => number) => {
    const [before, after] = [first, last].map((some) => Math.max(...some.map(valueOf)))
    return `${name.padEnd(18)} ${before} in the first third, ${after} in the last`
  }
  const names = Object.keys(samples[0]?.megabytes ?? {})
  return [
    row('batches queued', ({ queuedBatches }) => queuedBatches),
    ...names.map((name) => row(`${name} MB`, ({ megabytes }) => megabytes[name] ?? 0)),
  ]
}
