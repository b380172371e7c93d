import type { ParseArgsOptionDescriptor } from 'node:util'
import type { OpenDatabase } from './open-database.ts'

/** One thing that `tabkeeper` can do. */
export interface Command {
  /** One line in the list of commands. */
  readonly summary: string
  /** The text of `--help`. */
  readonly help: string
  readonly options: Readonly<Record<string, ParseArgsOptionDescriptor>>
  /** How many words may follow it that are no options. */
  readonly words?: number
  run(database: OpenDatabase, request: CommandRequest): Promise<CommandOutcome>
}

/** What was typed behind the command. */
export interface CommandRequest {
  readonly words: readonly string[]
  readonly values: Readonly<Record<string, string | undefined>>
  /** Says how far it has come, on the error output. */
  readonly progress: (text: string) => void
}

/** What a command ends with. */
export interface CommandOutcome {
  readonly exitCode: number
  /** What people read. */
  readonly lines: readonly string[]
  /** What `--json` prints on the last line. */
  readonly json: Readonly<Record<string, unknown>>
}

export const TEXT: ParseArgsOptionDescriptor = { type: 'string' }
