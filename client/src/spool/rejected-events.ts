import { rename, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { appendLine } from './durable-file.ts'
import { withReserve } from './reserve.ts'

/** An event and why the service refuses it, both as JSON text. */
export interface RejectedText {
  readonly sequence: number
  readonly event: string
  readonly errors: string
}

const MAX_FILE_BYTES = 32 * 1_048_576

/** Keeps rejected events for somebody to look at: `rejected.ndjson`, and the full one before it. */
export class RejectedEvents {
  readonly #folder: string
  readonly #path: string
  readonly #maxFileBytes: number

  constructor(folder: string, maxFileBytes: number = MAX_FILE_BYTES) {
    this.#folder = folder
    this.#path = join(folder, 'rejected.ndjson')
    this.#maxFileBytes = maxFileBytes
  }

  /** Resolves once they are on the disk, with whether older ones had to go to keep within the bound. */
  async add(rejected: readonly RejectedText[]): Promise<{ readonly discarded: boolean }> {
    const at = JSON.stringify(new Date().toISOString())
    const lines = rejected.map(
      ({ sequence, event, errors }) =>
        `{"rejected_at":${at},"sequence":${sequence},"errors":${errors},"event":${event}}`,
    )
    const discarded = await this.#makeRoom()
    await withReserve(this.#folder, () => appendLine(this.#path, lines.join('\n')))
    return { discarded }
  }

  async #makeRoom(): Promise<boolean> {
    const before = `${this.#path}.before`
    if ((await sizeOf(this.#path)) < this.#maxFileBytes) return false
    const discarded = (await sizeOf(before)) > 0
    await rename(this.#path, before)
    return discarded
  }
}

async function sizeOf(path: string): Promise<number> {
  try {
    return (await stat(path)).size
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return 0
    throw error
  }
}
