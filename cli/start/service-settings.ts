import { mkdirSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { findFreePort, isPortTaken } from '../../db/embedded/free-port.ts'
import { readOrCreateSecret } from '../../db/embedded/secret-file.ts'

// Long enough for the web process of a killed runner to finish what it was answering.
const PORT_PATIENCE_MS = 2_000

/** What the runner needs to know before it starts the first process. */
export interface ServiceSettings {
  readonly host: string
  readonly port: number
  /** Where the embedded Postgres and the generated secrets live. */
  readonly dataFolder: string
  readonly secret: string
  /** A server of the user's own; undefined means the embedded one. */
  readonly databaseUrl: string | undefined
}

/** Reads the settings from the environment. Throws when the port is taken; `PORT=0` picks a free one. */
export async function readServiceSettings(environment: NodeJS.ProcessEnv, folder: string): Promise<ServiceSettings> {
  const host = environment['HOST'] || '127.0.0.1'
  const port = await requirePort(host, environment['PORT'] || '3000')
  const dataFolder = resolve(folder, environment['TABKEEPER_DATA_DIR'] || '.tabkeeper')
  mkdirSync(dataFolder, { recursive: true, mode: 0o755 })
  return {
    host,
    port,
    dataFolder,
    secret: environment['TABKEEPER_SECRET'] || readOrCreateSecret(join(dataFolder, 'secret')),
    databaseUrl: environment['DATABASE_URL'] || undefined,
  }
}

async function requirePort(host: string, text: string): Promise<number> {
  const port = Number(text)
  if (!Number.isInteger(port) || port < 0 || port > 65_535) {
    throw new Error(`PORT is "${text}"; it takes a whole number from 0 to 65535.`)
  }
  if (port === 0) return await findFreePort(host)
  const deadline = Date.now() + PORT_PATIENCE_MS
  while (await isPortTaken(host, port)) {
    if (Date.now() > deadline) {
      throw new Error(`Port ${port} is taken: set PORT to another one, or PORT=0 to pick a free one.`)
    }
    await pause(100)
  }
  return port
}
