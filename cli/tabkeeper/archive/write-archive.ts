import { randomBytes } from 'node:crypto'
import { mkdirSync, renameSync, rmSync } from 'node:fs'
import { open, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { ExportedEvent } from '../../../db/archives/export-month.ts'
import { type ArchiveFileWriter, openArchiveFile } from './archive-file.ts'
import { type ArchiveFile, MANIFEST_FILE, type Manifest, sha256Of } from './manifest.ts'
import { readArchiveFile } from './read-archive-file.ts'

/** A folder that was written and read back. */
export interface WrittenArchive {
  readonly folder: string
  readonly manifest: Manifest
  readonly manifestSha256: string
}

/** What a file holds at most, so that one customer is found without reading all. */
const EVENTS_PER_FILE = 200_000

/**
 * Writes events as compressed files with a manifest of their checksums, reads them back, and only then gives their folder
 * its name. Everything is on the disk when this ends; what an interrupted one leaves has a name that ends in `unfinished`.
 */
export async function writeArchive(
  to: string,
  { month, schema, events }: { month: string; schema: string; events: AsyncIterable<ExportedEvent> },
): Promise<WrittenArchive> {
  // No two ever have the same name, so nothing that is there is ever written over.
  const folder = `${month}-${randomBytes(4).toString('hex')}`
  const unfinished = join(to, `${folder}.unfinished`)
  mkdirSync(unfinished, { recursive: true })
  try {
    const files = await writeFiles(unfinished, events)
    const manifest: Manifest = {
      format: 'tabkeeper usage events',
      version: 1,
      month,
      schema,
      written_at: new Date().toISOString(),
      events: files.reduce((sum, file) => sum + file.events, 0),
      files,
    }
    const text = `${JSON.stringify(manifest, null, 2)}\n`
    await writeFile(join(unfinished, MANIFEST_FILE), text, { flush: true })
    for (const file of files) await checkFile(unfinished, file)
    await syncFolder(unfinished)
    renameSync(unfinished, join(to, folder))
    await syncFolder(to)
    return { folder, manifest, manifestSha256: sha256Of(text) }
  } catch (error) {
    rmSync(unfinished, { recursive: true, force: true })
    throw error
  }
}

async function writeFiles(folder: string, events: AsyncIterable<ExportedEvent>): Promise<ArchiveFile[]> {
  const files: ArchiveFile[] = []
  let writer: ArchiveFileWriter | undefined
  for await (const event of events) {
    if (writer !== undefined && (writer.organizationId !== event.organizationId || writer.events >= EVENTS_PER_FILE)) {
      files.push(await writer.close())
      writer = undefined
    }
    writer ??= openArchiveFile(folder, `events-${String(files.length + 1).padStart(5, '0')}.ndjson.zst`, event)
    await writer.add(event)
  }
  if (writer !== undefined) files.push(await writer.close())
  return files
}

// What cannot be read back is no archive.
async function checkFile(folder: string, file: ArchiveFile): Promise<void> {
  let events = 0
  for await (const _ of readArchiveFile(folder, file)) events += 1
  if (events !== file.events) throw new Error(`${file.name} has ${events} events instead of ${file.events}`)
}

// A name is safe when its folder is.
async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, 'r')
  try {
    await folder.sync()
  } finally {
    await folder.close()
  }
}
