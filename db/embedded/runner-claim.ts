import { readFileSync, rmSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { startMark } from './process-table.ts'

/**
 * Claims a folder for this process by a file in it and answers how to give it back. Throws when a living process has
 * claimed it; a claim of a dead one counts for nothing.
 */
export function claimFolder(path: string): () => void {
  const holder = findLivingHolder(path)
  if (holder !== undefined) {
    throw new Error(
      `${dirname(path)} is in use by process ${holder}: stop that one, or set TABKEEPER_DATA_DIR to another folder.`,
    )
  }
  rmSync(path, { force: true })
  writeFileSync(path, `${process.pid} ${startMark(process.pid)}\n`, { flag: 'wx' })
  return () => rmSync(path, { force: true })
}

function findLivingHolder(path: string): number | undefined {
  const [pid, ...mark] = readClaim(path).trim().split(' ')
  return pid !== undefined && startMark(Number(pid)) === mark.join(' ') ? Number(pid) : undefined
}

function readClaim(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return ''
  }
}
