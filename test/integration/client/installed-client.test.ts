import { spawnSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type InstalledClient, installClient } from '../../support/installed-client.ts'

const ROOT = join(import.meta.dirname, '../../..')

const USER = `import { type ClientOptions, type RejectedEvent, ClientError, openClient } from '@tabkeeper/client'
const options: ClientOptions = { url: 'http://localhost', apiKey: 'tk', spoolDirectory: 'spool', fsync: 'interval' }
const client = await openClient({ ...options, onRejected: ({ errors }: RejectedEvent) => console.log(errors[0]?.type) })
const recorded: { transactionId: string; sequence: number } = await client.record({ externalCustomerId: 'a', code: 'c' })
// @ts-expect-error: an event without a customer is none
await client.record({ code: 'c' }).catch((error: unknown) => error instanceof ClientError && error.code === 'invalid_event')
const { unsentEvents }: { readonly unsentEvents: number } = await client.close({ timeoutMs: 1 })
console.log(recorded, unsentEvents)
`

let installed: InstalledClient

beforeAll(() => {
  installed = installClient()
})
afterAll(() => installed?.remove())

/** Compiles a user's file as strictly as a user may. */
function compile(text: string, options: object): [status: number | null, output: string] {
  writeFileSync(join(installed.folder, 'user.ts'), text)
  const compilerOptions = { module: 'nodenext', target: 'es2022', strict: true, noEmit: true, ...options }
  writeFileSync(join(installed.folder, 'tsconfig.json'), JSON.stringify({ compilerOptions, files: ['user.ts'] }))
  const compiler = join(ROOT, 'node_modules/typescript/bin/tsc')
  const { status, stdout } = spawnSync(process.execPath, [compiler, '-p', installed.folder], { encoding: 'utf8' })
  return [status, stdout]
}

test('the installed package brings its types, without a dependency', () => {
  const options = { types: ['node'], typeRoots: [join(ROOT, 'node_modules/@types')] }
  expect(compile(USER, options)).toEqual([0, ''])
})

test('the types of the installed package want no others, not even those of Node', () => {
  const withoutConsole = `declare const console: { log(...given: unknown[]): void }\n${USER}`
  expect(compile(withoutConsole, { types: [], lib: ['es2023'] })).toEqual([0, ''])
})

test('the installed package is loaded by require as well', () => {
  const script = `console.log(Object.keys(require('@tabkeeper/client')).sort().join())`
  const { stdout } = spawnSync(installed.node, ['--input-type=commonjs', '-e', script], {
    cwd: installed.folder,
    encoding: 'utf8',
  })
  expect(stdout).toBe('ClientError,TabkeeperClient,openClient\n')
})

test('the installed package runs on plain Node, and says what an option lacks', () => {
  const script = `import { openClient } from '@tabkeeper/client'
    await openClient({ url: 'nowhere', apiKey: 'tk', spoolDirectory: 'spool' }).catch((error) => console.log(error.code, error.message))
    const client = await openClient({ url: 'http://127.0.0.1:9', apiKey: 'tk', spoolDirectory: 'spool', onError: () => {} })
    console.log((await client.record({ externalCustomerId: 'a', code: 'c' })).sequence, await client.close({ timeoutMs: 50 }))`
  const { stdout, stderr } = spawnSync(installed.node, ['--input-type=module', '-e', script], {
    cwd: installed.folder,
    encoding: 'utf8',
  })
  expect([stdout, stderr]).toEqual(['invalid_option url must be an http or https address\n1 { unsentEvents: 1 }\n', ''])
})
