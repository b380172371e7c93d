import { spawn } from 'node:child_process'
import { chownSync, existsSync, mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import type { Placement } from './placement.ts'
import { stopWithThisProcess } from './stop-with-this-process.ts'

export interface ClusterOwner {
  readonly user: string
  readonly password: string
  /** Whether a crash of the machine right after this must leave the data whole. */
  readonly lasting: boolean
}

/**
 * Creates the data folder of a server unless it exists. It is made under another name first, so that one that was
 * interrupted is never mistaken for a finished one.
 */
export async function initializeCluster(placement: Placement, owner: ClusterOwner): Promise<void> {
  if (existsSync(placement.data)) return
  const unfinished = `${placement.data}.unfinished`
  const passwordFile = `${placement.data}.password`
  rmSync(unfinished, { recursive: true, force: true })
  mkdirSync(dirname(unfinished), { recursive: true, mode: 0o755 })
  mkdirSync(unfinished, { mode: 0o700 })
  writeFileSync(passwordFile, owner.password, { mode: 0o600 })
  try {
    if (placement.user !== undefined) for (const path of [unfinished, passwordFile]) give(path, placement)
    await runInitdb(placement, initdbParameters(unfinished, passwordFile, owner))
    renameSync(unfinished, placement.data)
  } finally {
    rmSync(passwordFile, { force: true })
  }
}

// Locale and encoding are the server's own, so that text sorts the same on every machine.
function initdbParameters(data: string, passwordFile: string, owner: ClusterOwner): readonly string[] {
  const parameters = ['-D', data, '-U', owner.user, `--pwfile=${passwordFile}`, '--auth=scram-sha-256']
  parameters.push('--encoding=UTF8', '--locale=C', '--locale-provider=builtin', '--builtin-locale=C.UTF-8')
  return owner.lasting ? parameters : [...parameters, '--no-sync']
}

function give(path: string, { user }: Placement): void {
  if (user !== undefined) chownSync(path, user.uid, user.gid)
}

function runInitdb({ native, user }: Placement, parameters: readonly string[]): Promise<void> {
  return new Promise((resolve, reject) => {
    const child = spawn(join(native, 'bin/initdb'), parameters, {
      ...(user === undefined ? {} : { uid: user.uid, gid: user.gid }),
      cwd: '/',
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    const forget = child.pid === undefined ? () => {} : stopWithThisProcess(child.pid, 'SIGTERM')
    let output = ''
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding('utf8').on('data', (text: string) => {
        output += text
      })
    }
    child.on('error', reject)
    child.on('close', (code) => {
      forget()
      if (code === 0) resolve()
      else reject(new Error(`The embedded Postgres could not create its data folder:\n${output.trim()}`))
    })
  })
}
