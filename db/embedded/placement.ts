import { createHash } from 'node:crypto'
import { existsSync, lstatSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { copyPackagedServer, packagedServer } from './packaged-server.ts'
import { canEnter, canRunServer, findServerUser, type ServerUser } from './server-user.ts'

/** Where the programs and the data of one server are, and as whom it runs. */
export interface Placement {
  readonly native: string
  readonly data: string
  /** The user to become; undefined when the server runs as the one who started it. */
  readonly user: ServerUser | undefined
}

/**
 * Chooses where the server of this folder lives. Postgres refuses to run as root, so root gives it to another user;
 * what that user cannot enter is kept outside, and `postgres-location` in the folder says where.
 */
export function choosePlacement(folder: string): Placement {
  const packaged = packagedServer()
  const local = join(folder, 'postgres')
  if (process.getuid?.() !== 0) return { native: packaged.native, data: requireOwnData(local), user: undefined }
  const moved = readLocation(folder)
  const user = findServerUser(moved ?? local)
  const native = canRunServer(user, packaged.native)
    ? packaged.native
    : copyPackagedServer(packaged, enterableBase(user))
  return { native, data: moved ?? chooseData(folder, user), user }
}

function chooseData(folder: string, user: ServerUser): string {
  if (canEnter(user, folder)) return join(folder, 'postgres')
  const name = createHash('sha256').update(folder).digest('hex').slice(0, 16)
  const data = join(enterableBase(user), name, 'postgres')
  writeFileSync(join(folder, 'postgres-location'), `${data}\n`)
  return data
}

function readLocation(folder: string): string | undefined {
  const path = join(folder, 'postgres-location')
  return existsSync(path) ? readFileSync(path, 'utf8').trim() : undefined
}

function requireOwnData(data: string): string {
  const owner = statSync(data, { throwIfNoEntry: false })?.uid
  if (owner === undefined || owner === process.getuid?.()) return data
  throw new Error(
    `${data} belongs to another user (uid ${owner}): run as that user or root, or set TABKEEPER_DATA_DIR.`,
  )
}

// Root's own folder that others may enter but not write, so that nobody can slip programs into it.
function enterableBase(user: ServerUser): string {
  const bases = ['/var/lib/tabkeeper', join(tmpdir(), 'tabkeeper-root'), '/tmp/tabkeeper-root']
  const base = bases.find((path) => isOurs(path) && canEnter(user, path))
  if (base !== undefined) return base
  throw new Error(`No folder that the user ${user.name} can enter could be made: tried ${bases.join(', ')}.`)
}

function isOurs(path: string): boolean {
  try {
    mkdirSync(path, { mode: 0o755 })
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') return false
  }
  const found = lstatSync(path)
  return found.isDirectory() && found.uid === 0 && (found.mode & 0o022) === 0
}
