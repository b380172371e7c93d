import { randomBytes } from 'node:crypto'
import { join } from 'node:path'
import { ClientError } from '../client-error.ts'
import { readIfThere, replaceFile, syncFolder } from './durable-file.ts'
import { withReserve } from './reserve.ts'

/** Sequences from the first to the last, both included. */
export type Range = readonly [first: number, last: number]

/** How far a spool has come with the service. */
export interface Progress {
  /** All up to this sequence are settled: accepted, or rejected and kept aside. */
  readonly settledThrough: number
  /** Rejected sequences of which the service does not know yet that they will never come. */
  readonly unreported: readonly Range[]
}

/**
 * The name under which a spool numbers its events, for ever: the readable part of the first opening and random digits,
 * because a spool that begins again at 1 is another producer.
 */
export async function requireProducerId(folder: string, producer: string): Promise<string> {
  const path = join(folder, 'spool.json')
  const found = await readIfThere(path)
  if (found === undefined) {
    const producerId = `${producer}.${randomBytes(8).toString('hex')}`
    await replaceFile(path, JSON.stringify({ format: 1, producer_id: producerId }))
    await syncFolder(folder)
    return producerId
  }
  const { format, producer_id: producerId } = parsed(found) as { format?: unknown; producer_id?: unknown }
  if (format === 1 && typeof producerId === 'string') return producerId
  throw new ClientError('spool_unreadable', `${path} is not of a spool that this version can read`)
}

// Without it, or when it is behind, events are sent again, which the service does not count a second time.
export async function readProgress(folder: string): Promise<Progress> {
  const found = await readIfThere(progressFile(folder))
  const { settled_through: settled, unreported } = parsed(found ?? '') as Record<string, unknown>
  return {
    settledThrough: Number.isSafeInteger(settled) ? (settled as number) : 0,
    unreported: Array.isArray(unreported) ? (unreported as Range[]) : [],
  }
}

export async function writeProgress(folder: string, { settledThrough, unreported }: Progress): Promise<void> {
  const text = JSON.stringify({ settled_through: settledThrough, unreported })
  await withReserve(folder, () => replaceFile(progressFile(folder), text))
}

function progressFile(folder: string): string {
  return join(folder, 'progress.json')
}

function parsed(text: string): object {
  try {
    const value: unknown = JSON.parse(text)
    return typeof value === 'object' && value !== null ? value : {}
  } catch {
    return {}
  }
}
