import { existsSync, readFileSync, realpathSync } from 'node:fs'
import { join } from 'node:path'
import { ownerUrl } from './owner-url.ts'
import { choosePlacement } from './placement.ts'
import { findPostmasterPort } from './postmaster.ts'

/** The owner's connection string of the server that runs on the data of a folder now; undefined when none does. */
export function findRunningServer(folder: string): string | undefined {
  const real = realpathSync(folder)
  const passwordFile = join(real, 'postgres-password')
  const port = findPostmasterPort(choosePlacement(real).data)
  if (port === undefined || !existsSync(passwordFile)) return undefined
  return ownerUrl(readFileSync(passwordFile, 'utf8').trim(), port)
}
