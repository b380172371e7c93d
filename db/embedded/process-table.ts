import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'

/** The words a process was started with; undefined when it is gone, or dead and not yet collected. */
export function commandLine(pid: number): readonly string[] | undefined {
  const words =
    process.platform === 'linux'
      ? readProcess(pid, 'cmdline')?.split('\0').filter(Boolean)
      : askPs(pid, 'command')?.split(' ')
  return words === undefined || words.length === 0 ? undefined : words
}

/**
 * What tells a process from a later one with the same number: its start time. Undefined when there is no such process.
 */
export function startMark(pid: number): string | undefined {
  if (process.platform !== 'linux') return askPs(pid, 'lstart')
  const fields = statFields(pid)
  return fields?.[0] === 'Z' ? undefined : fields?.[19]
}

/**
 * What Linux tells of a process, from its state on: parent, group and session follow; undefined when there is no such
 * process, and on other systems.
 */
export function statFields(pid: number): readonly string[] | undefined {
  // The name in parentheses stands before, and may hold blanks and brackets.
  return readProcess(pid, 'stat')
    ?.replace(/^.*\)\s/s, '')
    .split(' ')
}

function readProcess(pid: number, file: 'cmdline' | 'stat'): string | undefined {
  try {
    return readFileSync(`/proc/${pid}/${file}`, 'utf8')
  } catch {
    return undefined
  }
}

function askPs(pid: number, field: 'command' | 'lstart'): string | undefined {
  const answer = spawnSync('ps', ['-o', `${field}=`, '-p', String(pid)], { encoding: 'utf8' })
  return answer.status === 0 ? answer.stdout.trim() : undefined
}
