import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { CommandError } from '../command-error.ts'

/** One file of an archive: compressed lines of JSON, events of one organization in order of customer, time and arrival. */
export interface ArchiveFile {
  readonly name: string
  /** The id of the organization. */
  readonly organization: string
  readonly organization_id: number
  readonly events: number
  readonly first_customer_id: number
  readonly last_customer_id: number
  readonly bytes: number
  /** Of the file as it lies there. */
  readonly sha256: string
}

/** What is in a folder of an archive. */
export interface Manifest {
  readonly format: 'tabkeeper usage events'
  readonly version: 1
  readonly month: string
  /** The newest migration of the database that it comes from. */
  readonly schema: string
  readonly written_at: string
  readonly events: number
  readonly files: readonly ArchiveFile[]
}

export const MANIFEST_FILE = 'manifest.json'

export function sha256Of(content: Buffer | string): string {
  return createHash('sha256').update(content).digest('hex')
}

/** The manifest of a folder, which must be the one that the database knows. */
export function requireManifest(folder: string, sha256: string): Manifest {
  const path = join(folder, MANIFEST_FILE)
  let content: Buffer
  try {
    content = readFileSync(path)
  } catch (error) {
    throw new CommandError('failed', `${path} cannot be read: ${(error as Error).message}`, { cause: error })
  }
  if (sha256Of(content) !== sha256) throw new CommandError('failed', `${path} is not the manifest that was written.`)
  return JSON.parse(content.toString()) as Manifest
}
