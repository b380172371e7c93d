/** One line of the Procfile: a name and the words to run. */
export interface ProcessLine {
  readonly name: string
  readonly command: string
  readonly parameters: readonly string[]
}

/**
 * Reads `name: command words…` lines; blank lines and lines that start with `#` count for nothing. Words are separated
 * by blanks, there is no quoting and no shell. Throws on a line of another form and on a name that comes twice.
 */
export function parseProcfile(text: string): readonly ProcessLine[] {
  const lines = text
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '' && !line.startsWith('#'))
    .map(parseLine)
  const repeated = lines.find((line, index) => lines.findIndex((other) => other.name === line.name) < index)
  if (repeated !== undefined) throw new Error(`The Procfile names ${repeated.name} twice.`)
  return lines
}

function parseLine(line: string): ProcessLine {
  const [, name, words] = /^([A-Za-z0-9_-]+):\s*(.*)$/.exec(line) ?? []
  const [command, ...parameters] = words?.split(/\s+/) ?? []
  if (name === undefined || command === undefined || command === '') {
    throw new Error(`The Procfile has a line that is not "name: command": ${line}`)
  }
  return { name, command, parameters }
}
