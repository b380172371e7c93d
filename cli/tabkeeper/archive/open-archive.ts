import { join, resolve } from 'node:path'
import type { ArchivedUsage } from '../../../db/archives/archived-usage.ts'
import type { ReadArchive } from '../../../db/verify/archived-events.ts'
import { CommandError } from '../command-error.ts'
import { type ArchiveFile, type Manifest, requireManifest } from './manifest.ts'
import { readArchiveFile } from './read-archive-file.ts'

/** How archived events are read from a folder of archives: files are checked on the way, manifests before. */
export function openArchive(from: string): ReadArchive {
  const root = resolve(from)
  return async function* (usage, customerId) {
    const folder = join(root, usage.folder)
    const files = filesOf(requireManifest(folder, usage.manifestSha256), usage)
    for (const file of files) if (mayHold(file, customerId)) yield* readArchiveFile(folder, file)
  }
}

/** The files of one organization. Throws when they are not what the database was told. */
export function filesOf({ files }: Manifest, { organizationId, folder, eventsCount }: ArchivedUsage): ArchiveFile[] {
  const ofOrganization = files.filter((file) => file.organization_id === organizationId)
  const events = ofOrganization.reduce((sum, file) => sum + file.events, 0)
  if (events === eventsCount) return ofOrganization
  throw new CommandError('failed', `The manifest of ${folder} has ${events} events instead of ${eventsCount}.`)
}

function mayHold(file: ArchiveFile, customerId: number | undefined): boolean {
  return customerId === undefined || (file.first_customer_id <= customerId && customerId <= file.last_customer_id)
}
