import { expect } from 'vitest'
import { runCommand } from '../../cli/tabkeeper/run-command.ts'

/** How the command ended and what it said. */
export interface TabkeeperEnd {
  readonly exitCode: number
  readonly output: string
  readonly errors: string
  /** The last line of the output, read as JSON; undefined where it is none. */
  readonly json: ReturnType<typeof JSON.parse>
}

/** Runs the command within this process, with nothing in its environment but what is given. */
export async function runTabkeeper(
  words: readonly string[],
  environment: Readonly<Record<string, string>>,
): Promise<TabkeeperEnd> {
  const [output, errors]: [string[], string[]] = [[], []]
  const exitCode = await runCommand(words, {
    environment,
    print: (line) => output.push(line),
    tell: (line) => errors.push(line),
  })
  return { exitCode, output: output.join('\n'), errors: errors.join('\n'), json: parse(output.at(-1) ?? '') }
}

/** Fails, with the differences, unless all that is derived agrees with what it is derived from. */
export async function expectVerified(databaseUrl: string): Promise<void> {
  const { exitCode, output, errors } = await runTabkeeper(['verify'], { DATABASE_URL: databaseUrl })
  expect(exitCode, `${output}\n${errors}`).toBe(0)
}

function parse(line: string): ReturnType<typeof JSON.parse> {
  try {
    return JSON.parse(line)
  } catch {
    return undefined
  }
}
