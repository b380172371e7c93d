import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { parseProcfile } from '../../../../cli/start/procfile.ts'

test('a line is a name, a command and its words', () => {
  expect(parseProcfile('# all of it\n\nrelease: node db/migrate.ts\nweb:  node  api/main.ts --fast\n')).toEqual([
    { name: 'release', command: 'node', parameters: ['db/migrate.ts'] },
    { name: 'web', command: 'node', parameters: ['api/main.ts', '--fast'] },
  ])
})

test('a line without a command is refused with the line', () => {
  expect(() => parseProcfile('web:')).toThrow('web:')
  expect(() => parseProcfile('node api/main.ts')).toThrow('node api/main.ts')
})

test('a name may come once', () => {
  expect(() => parseProcfile('web: node a.ts\nweb: node b.ts')).toThrow('web twice')
})

test('the Procfile of this project has a release, a web process and one line per worker', () => {
  const lines = parseProcfile(readFileSync(new URL('../../../../Procfile', import.meta.url), 'utf8'))
  expect(lines.map((line) => line.name).slice(0, 2)).toEqual(['release', 'web'])
  const workers = lines.slice(2)
  const withoutNodeOptions = workers.map((line) => line.parameters.filter((word) => !word.startsWith('--')))
  expect(withoutNodeOptions).toEqual(workers.map((line) => ['workers/main.ts', line.name]))
})
