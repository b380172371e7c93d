import { parseArgs } from 'node:util'
import type { Command, CommandRequest } from './command.ts'
import { CommandError, EXIT_CODES } from './command-error.ts'
import { withDatabase } from './open-database.ts'
import { partitions } from './partitions.ts'
import { rebuild } from './rebuild.ts'
import { verify } from './verify.ts'

const COMMANDS: ReadonlyMap<string, Command> = new Map([
  ['verify', verify],
  ['rebuild', rebuild],
  ['partitions', partitions],
])

/** What a command is run with, apart from its words. */
export interface Terminal {
  readonly environment: NodeJS.ProcessEnv
  /** Prints a line of the result. */
  readonly print: (line: string) => void
  /** Says how far it has come, or why it has ended, apart from the result. */
  readonly tell: (line: string) => void
}

/**
 * Runs the command that the words name and answers with its exit code. Where it could not be done, and `--json` is among the
 * words, whatever the others are, the last line of the output says so.
 */
export async function runCommand(words: readonly string[], terminal: Terminal): Promise<number> {
  try {
    return await run(words, terminal)
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error)
    const exitCode = error instanceof CommandError ? error.exitCode : EXIT_CODES.failed
    terminal.tell(message)
    if (words.includes('--json')) {
      terminal.print(JSON.stringify({ command: words[0], error: message, exit_code: exitCode }))
    }
    return exitCode
  }
}

async function run(words: readonly string[], { environment, print, tell }: Terminal): Promise<number> {
  const [name, ...rest] = words
  if (name === undefined || name === '--help' || name === '-h' || name === 'help') {
    print(overview())
    return name === undefined ? EXIT_CODES.usage : EXIT_CODES.done
  }
  const command = COMMANDS.get(name)
  if (command === undefined) {
    throw new CommandError('usage', `There is no command ${name}; there are: ${[...COMMANDS.keys()].join(', ')}.`)
  }
  const { words: given, values, help, json } = readWords(name, command, rest)
  if (help) {
    print(command.help)
    return EXIT_CODES.done
  }
  const outcome = await withDatabase(environment, (database) =>
    command.run(database, { words: given, values, progress: tell }),
  )
  for (const line of outcome.lines) print(line)
  if (json) print(JSON.stringify(outcome.json))
  return outcome.exitCode
}

function overview(): string {
  const width = Math.max(...[...COMMANDS.keys()].map((name) => name.length))
  return [
    'tabkeeper COMMAND [OPTIONS]',
    '',
    ...[...COMMANDS].map(([name, { summary }]) => `  ${name.padEnd(width)}  ${summary}`),
    '',
    '  --help      with a command: what it does and takes',
    '  --json      the last line of the output is one JSON object',
    '',
    'It works on the database in DATABASE_URL, or on the embedded one, whether the service runs or not.',
    'Exit codes: 0 equal or done, 1 there are differences, 2 wrong usage, 3 no database, 4 refused or failed.',
  ].join('\n')
}

interface ReadWords extends Omit<CommandRequest, 'progress'> {
  readonly help: boolean
  readonly json: boolean
}

function readWords(name: string, { options, words: most = 0 }: Command, rest: readonly string[]): ReadWords {
  try {
    const flag = { type: 'boolean' } as const
    const { values, positionals } = parseArgs({
      args: [...rest],
      options: { ...options, help: { ...flag, short: 'h' }, json: flag },
      allowPositionals: most > 0,
    })
    if (positionals.length > most) throw new Error(`Unexpected word '${positionals[most]}'`)
    const { help = false, json = false, ...texts } = values as Record<string, string | boolean | undefined>
    const given = Object.entries(texts).filter((entry): entry is [string, string] => typeof entry[1] === 'string')
    return { words: positionals, values: Object.fromEntries(given), help: help === true, json: json === true }
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error)
    throw new CommandError('usage', `${reason}. See: tabkeeper ${name} --help`, { cause: error })
  }
}
