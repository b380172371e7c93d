// The first thing every command runs. Plain JavaScript without dependencies, because it must work on Node 20 before
// anything is installed: it installs what is missing, finds Node 26 and hands over to the TypeScript entry.
import { spawn } from 'node:child_process'
import { dirname, join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { installMissing } from './launch/install.mjs'
import { requireNode26 } from './launch/node-26.mjs'
import { linkPostgresLibraries } from './launch/postgres-libraries.mjs'

const root = dirname(dirname(fileURLToPath(import.meta.url)))
const [entry, ...parameters] = process.argv.slice(2)

try {
  if (entry === undefined) throw new Error('Say which entry to run: node cli/launch.mjs cli/start.ts')
  await installMissing(root)
  linkPostgresLibraries(root)
  run(requireNode26(root), entry, parameters)
} catch (error) {
  console.error(error instanceof Error ? error.message : error)
  process.exitCode = 1
}

/** Runs the entry on this terminal; signals go in, the exit code comes out. */
function run(node, file, rest) {
  const leave = pathToFileURL(join(root, 'cli/start/leave-with-parent.ts')).href
  const child = spawn(node, ['--import', leave, join(root, file), ...rest], {
    // Compiled once for all starts: half the processor time of a start, and a tenth of the memory of each process.
    env: { NODE_COMPILE_CACHE: join(root, 'node_modules/.cache/compiled'), ...process.env },
    // The channel is how the entry notices that this process was killed without a chance to pass the signal on.
    stdio: ['inherit', 'inherit', 'inherit', 'ipc'],
  })
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => child.kill(signal))
  stopWithNpm(child)
  child.on('error', (error) => {
    console.error(`${node} did not start: ${error.message}`)
    process.exit(1)
  })
  child.on('exit', (code, signal) => {
    if (signal === null) process.exit(code ?? 1)
    process.removeAllListeners(signal)
    process.kill(process.pid, signal)
  })
}

// A killed npm cannot pass anything on. Without npm the parent may be a shell that is meant to end before this does.
function stopWithNpm(child) {
  if (process.env.npm_lifecycle_event === undefined) return
  const parent = process.ppid
  const watch = setInterval(() => {
    if (process.ppid === parent) return
    clearInterval(watch)
    child.kill('SIGTERM')
  }, 500)
}
