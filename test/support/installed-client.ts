import { execFileSync } from 'node:child_process'
import { cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'

const ROOT = join(import.meta.dirname, '../..')

/** The client as its users have it: packed, installed into an empty folder without a network, run by plain Node. */
export interface InstalledClient {
  readonly folder: string
  /** The Node of the machine where it has one that is old enough to be interesting, else the one that runs the tests. */
  readonly node: string
  remove(): void
}

export function installClient(): InstalledClient {
  const folder = mkdtempSync(join(tmpdir(), 'tabkeeper-installed-'))
  const packed = join(folder, 'client')
  const installed = join(folder, 'installed')
  mkdirSync(installed)
  // A copy without what an earlier build has left, beside all that the build needs.
  cpSync(join(ROOT, 'client'), packed, { recursive: true, filter: (path) => path !== join(ROOT, 'client/dist') })
  cpSync(join(ROOT, 'tsconfig.json'), join(folder, 'tsconfig.json'))
  symlinkSync(join(ROOT, 'node_modules'), join(folder, 'node_modules'))
  // Run by an npm that ignores scripts, it would be told to ignore the one that builds.
  run('npm', ['pack', '--silent', '--ignore-scripts=false'], packed)
  const archive = readdirSync(packed).find((name) => name.endsWith('.tgz')) ?? ''
  writeFileSync(join(installed, 'package.json'), JSON.stringify({ name: 'user', private: true, type: 'module' }))
  run('npm', ['install', '--offline', '--no-audit', '--no-fund', '--ignore-scripts', join(packed, archive)], installed)
  cpSync(join(ROOT, 'test/support/recording-process.mjs'), join(installed, 'recording-process.mjs'))
  return { folder: installed, node: plainNode(), remove: () => rmSync(folder, { recursive: true, force: true }) }
}

function run(program: string, parameters: readonly string[], folder: string): void {
  execFileSync(program, parameters, { cwd: folder, stdio: ['ignore', 'pipe', 'pipe'] })
}

function plainNode(): string {
  const folders = (process.env['PATH'] ?? '').split(delimiter).filter((entry) => !entry.includes('node_modules'))
  return folders.map((entry) => join(entry, 'node')).find((path) => existsSync(path)) ?? process.execPath
}
