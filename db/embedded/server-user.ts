import { spawnSync } from 'node:child_process'
import { statSync } from 'node:fs'

/** A user of the system that the server runs as when root starts it. */
export interface ServerUser {
  readonly name: string
  readonly uid: number
  readonly gid: number
}

/** The user that owns the data if there is data, else `postgres` if the system has it, else `nobody`. */
export function findServerUser(data: string): ServerUser {
  const existing = statSync(data, { throwIfNoEntry: false })
  if (existing !== undefined && existing.uid !== 0) {
    return { name: `uid ${existing.uid}`, uid: existing.uid, gid: existing.gid }
  }
  const user = lookUp('postgres') ?? lookUp('nobody')
  if (user !== undefined) return user
  throw new Error(
    'Postgres refuses to run as root, and the system has neither a user postgres nor nobody to run it as.',
  )
}

/** Whether the user can enter the folder: tried out, because modes alone do not say it. */
export function canEnter(user: ServerUser, folder: string): boolean {
  return succeedsAs(user, 'cd "$0"', folder)
}

/** Whether the user can run the server's programs and read what they need. */
export function canRunServer(user: ServerUser, native: string): boolean {
  return succeedsAs(user, 'cd "$0" && test -r share/postgresql/postgres.bki && bin/postgres --version', native)
}

function succeedsAs(user: ServerUser, script: string, argument: string): boolean {
  const { uid, gid } = user
  return spawnSync('/bin/sh', ['-c', script, argument], { uid, gid, cwd: '/', stdio: 'ignore' }).status === 0
}

function lookUp(name: string): ServerUser | undefined {
  const uid = askId('-u', name)
  const gid = askId('-g', name)
  return uid === undefined || gid === undefined || uid === 0 ? undefined : { name, uid, gid }
}

function askId(option: '-u' | '-g', name: string): number | undefined {
  const answer = spawnSync('id', [option, name], { encoding: 'utf8' })
  return answer.status === 0 ? Number(answer.stdout) : undefined
}
