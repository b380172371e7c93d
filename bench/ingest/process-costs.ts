import { execFileSync } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import { statFields } from '../../db/embedded/process-table.ts'

/** A process to be watched. */
export interface WatchedProcess {
  readonly name: string
  readonly pid: number
  /** Whether its children count with it, as those of a Postgres must. */
  readonly withChildren: boolean
}

/** Processor time used so far, in milliseconds, by name; empty where the system has no /proc. */
export type ProcessorTimes = ReadonlyMap<string, number>

const IS_LINUX = process.platform === 'linux'
const TICK_MS = IS_LINUX ? 1000 / Number(execFileSync('getconf', ['CLK_TCK'], { encoding: 'utf8' })) : 0

/** Reads the processor time of processes. */
export function processorTimes(processes: readonly WatchedProcess[]): ProcessorTimes {
  if (!IS_LINUX) return new Map()
  const stats = listStats()
  return new Map(
    processes.map(({ name, pid, withChildren }) => {
      const family = stats.filter((stat) => stat.pid === pid || (withChildren && stat.parent === pid))
      const ended = withChildren ? (stats.find((stat) => stat.pid === pid)?.endedChildrenTicks ?? 0) : 0
      return [name, (family.reduce((sum, { ticks }) => sum + ticks, 0) + ended) * TICK_MS]
    }),
  )
}

/** Microseconds per event between two readings, by name. */
export function microsPerEvent(before: ProcessorTimes, after: ProcessorTimes, events: number): Record<string, number> {
  return Object.fromEntries(
    [...after].map(([name, ms]) => [name, Math.round(((ms - (before.get(name) ?? 0)) * 10_000) / events) / 10]),
  )
}

/** The most memory that the process has held so far, in megabytes; elsewhere than on Linux, what it holds now. */
export function peakResidentMegabytes(pid: number): number {
  if (!IS_LINUX) return residentMegabytes(pid)
  const kilobytes = /VmHWM:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]
  return Math.round(Number(kilobytes) / 1024)
}

/** The memory that the process holds now, in megabytes. */
export function residentMegabytes(pid: number): number {
  const kilobytes = execFileSync('ps', ['-o', 'rss=', '-p', String(pid)], { encoding: 'utf8' })
  return Math.round(Number(kilobytes) / 1024)
}

interface Stat {
  readonly pid: number
  readonly parent: number
  readonly ticks: number
  readonly endedChildrenTicks: number
}

function listStats(): Stat[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .flatMap((name) => readStat(Number(name)))
}

function readStat(pid: number): Stat[] {
  const fields = statFields(pid)
  if (fields === undefined) return []
  const [user = 0, system = 0, childrenUser = 0, childrenSystem = 0] = fields.slice(11, 15).map(Number)
  return [{ pid, parent: Number(fields[1]), ticks: user + system, endedChildrenTicks: childrenUser + childrenSystem }]
}
