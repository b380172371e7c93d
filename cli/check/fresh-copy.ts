import { spawn, spawnSync } from 'node:child_process'
import { cpSync, existsSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, dirname, join } from 'node:path'
import { EmbeddedPostgres } from '../../db/embedded/embedded-postgres.ts'
import { stopWithThisProcess } from '../../db/embedded/stop-with-this-process.ts'
import { PROJECT_FOLDER } from '../start/running-process.ts'
import { cleanEnvironment } from './command.ts'

/**
 * Copies the tracked files to an empty folder and runs the demo there as the first command, as a newcomer would.
 * Throws unless it exits with 0 and its last line is the JSON summary. Leaves nothing behind.
 */
export async function checkFreshCopy(): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'tabkeeper-fresh-'))
  try {
    copyTrackedFiles(folder)
    const { code, output } = await runDemo(folder)
    if (code !== 0) throw new Error(`npm run demo ended with code ${code} in a fresh copy.`)
    requireSummary(output)
  } finally {
    await removeCopy(folder)
  }
}

function copyTrackedFiles(folder: string): void {
  const parameters = ['-c', 'safe.directory=*', 'ls-files', '-z']
  const listing = spawnSync('git', parameters, { cwd: PROJECT_FOLDER, encoding: 'utf8', maxBuffer: 100_000_000 })
  if (listing.status !== 0) throw new Error(`git ls-files failed: ${listing.stderr ?? listing.error?.message}`)
  for (const path of listing.stdout.split('\0').filter(Boolean)) {
    const source = join(PROJECT_FOLDER, path)
    if (!existsSync(source)) continue
    mkdirSync(dirname(join(folder, path)), { recursive: true })
    cpSync(source, join(folder, path))
  }
}

function runDemo(folder: string): Promise<{ code: number | null; output: string }> {
  return new Promise((resolve, reject) => {
    const child = spawn('npm', ['run', 'demo', '--', '--once', '--json'], {
      cwd: folder,
      env: newcomersEnvironment(),
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    const forget = child.pid === undefined ? () => {} : stopWithThisProcess(child.pid, 'SIGTERM')
    let output = ''
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      output += text
      process.stdout.write(text)
    })
    child.on('error', reject)
    child.on('close', (code) => {
      forget()
      resolve({ code, output })
    })
  })
}

// What npm and this project put in front of the path would bring Node 26 and tools that a newcomer lacks.
function newcomersEnvironment(): NodeJS.ProcessEnv {
  const environment = cleanEnvironment()
  const own = /node_modules|node-gyp-bin/
  environment['PATH'] = environment['PATH']
    ?.split(delimiter)
    .filter((entry) => !own.test(entry))
    .join(delimiter)
  const ofNpm =
    /^(npm_(lifecycle|package|command|execpath|node_execpath|config_local_prefix).*|INIT_CWD|NODE|NODE_ENV)$/
  return Object.fromEntries(Object.entries(environment).filter(([name]) => !ofNpm.test(name)))
}

function requireSummary(output: string): void {
  const last = output.trimEnd().split('\n').at(-1) ?? ''
  let summary: Record<string, unknown>
  try {
    summary = JSON.parse(last) as Record<string, unknown>
  } catch {
    throw new Error(`The last line of the demo is not JSON: ${last}`)
  }
  const missing = ['events_sent', 'events_unique', 'invoices', 'totals', 'events_per_s'].filter(
    (key) => !(key in summary),
  )
  if (missing.length > 0) throw new Error(`The summary of the demo lacks ${missing.join(', ')}.`)
}

// The data of the copy may have been placed outside of it.
async function removeCopy(folder: string): Promise<void> {
  const data = join(folder, '.tabkeeper')
  if (existsSync(data)) await new EmbeddedPostgres({ folder: data, profile: 'service' }).remove()
  rmSync(folder, { recursive: true, force: true })
}

if (import.meta.main) await checkFreshCopy()
