import { spawn } from 'node:child_process'
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'

/**
 * Runs `npm ci` when node_modules is not what package-lock.json asks for, and does nothing otherwise. A second
 * process that comes at the same time waits for the first.
 */
export async function installMissing(root) {
  if (isInstalled(root)) return
  const release = await lock(root)
  try {
    if (!isInstalled(root)) await install(root)
  } finally {
    release()
  }
}

// npm writes this file as the last step of an install, so it is missing after an interrupted one.
function isInstalled(root) {
  const installed = readPackages(join(root, 'node_modules/.package-lock.json'))
  const asked = readPackages(join(root, 'package-lock.json'))
  if (installed === undefined || asked === undefined) return false
  return Object.entries(asked).every(([path, wanted]) => path === '' || isSame(installed[path], wanted))
}

function isSame(present, wanted) {
  if (present === undefined) return mayBeAbsent(wanted)
  return present.version === wanted.version && present.integrity === wanted.integrity
}

// Packages for other platforms are optional and rightly absent; one for this platform is here or the install failed.
function mayBeAbsent({ optional, devOptional, os, cpu, libc }) {
  const isForThisPlatform = os?.includes(process.platform) && cpu?.includes(process.arch) && libc === undefined
  return (optional === true || devOptional === true) && !isForThisPlatform
}

function readPackages(path) {
  try {
    return JSON.parse(readFileSync(path, 'utf8')).packages
  } catch {
    return undefined
  }
}

// npm leaves packages for other platforms out of the lock file when its registry lacks them, and `npm ci` then refuses
// the file: `npm install --no-save` takes the same versions from it and writes nothing.
async function install(root) {
  console.error('Installing packages, once…')
  const exact = await runNpm(root, ['ci'])
  if (exact.code === 0) return
  const lenient = /EUSAGE/.test(exact.output) ? await runNpm(root, ['install', '--no-save']) : exact
  if (lenient.code !== 0) throw new Error(`${lenient.output}\nnpm could not install; the lines above say why.`)
}

// NODE_ENV=production would leave out what the checks need, and every start would install again: so both are named.
function runNpm(root, words) {
  const { command, first } = npm()
  return capture(command, [...first, ...words, '--ignore-scripts', '--include=dev', '--include=optional'], root)
}

function npm() {
  const script = process.env.npm_execpath
  const usable = script !== undefined && /npm-cli\.c?js$/.test(script)
  return usable ? { command: process.execPath, first: [script] } : { command: 'npm', first: [] }
}

function capture(command, parameters, cwd) {
  return new Promise((resolve, reject) => {
    const child = spawn(command, parameters, { cwd, stdio: ['ignore', 'pipe', 'pipe'] })
    let output = ''
    for (const stream of [child.stdout, child.stderr]) stream.setEncoding('utf8').on('data', (text) => (output += text))
    child.on('error', (error) => reject(new Error(`npm did not start: ${error.message}`)))
    child.on('close', (code) => resolve({ code, output: output.trim() }))
  })
}

// Outside node_modules, because npm ci removes that folder.
async function lock(root) {
  const path = join(root, '.tabkeeper/install.lock')
  mkdirSync(join(root, '.tabkeeper'), { recursive: true })
  for (;;) {
    try {
      writeFileSync(path, String(process.pid), { flag: 'wx' })
      return () => rmSync(path, { force: true })
    } catch (error) {
      if (error.code !== 'EEXIST') throw error
    }
    if (!isHeld(path)) rmSync(path, { force: true })
    else await delay(250)
  }
}

// An empty file is a lock whose holder has not written its number yet.
function isHeld(path) {
  try {
    const pid = readFileSync(path, 'utf8')
    if (pid !== '') process.kill(Number(pid), 0)
    return true
  } catch (error) {
    return error.code === 'EPERM'
  }
}
