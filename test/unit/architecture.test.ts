import { readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { findSpecifiers, reachableFrom, readImportGraph } from '../../cli/check/imports.ts'

const ROOT = join(import.meta.dirname, '../..')

/** Top folder → the top folders it may import from, besides itself. `any` is everything. */
const MAY_IMPORT: Readonly<Record<string, readonly string[] | 'any'>> = {
  shared: [],
  db: ['shared'],
  queues: ['shared'],
  payments: ['shared'],
  documents: ['shared'],
  workers: ['shared', 'db', 'queues', 'payments', 'documents'],
  api: ['shared', 'db', 'queues', 'payments', 'documents'],
  cli: ['shared', 'db', 'queues', 'payments', 'documents'],
  client: [],
  dashboard: ['client'],
  test: 'any',
  bench: 'any',
}

/** Package → the only places that may import it. */
const ONLY_IMPORTED_BY: Readonly<Record<string, readonly string[]>> = {
  // The queues' own tables are migrated with ours.
  bullmq: ['queues/', 'workers/run-worker.ts', 'db/migrate.ts', 'test/', 'bench/'],
  pg: ['db/', 'test/', 'bench/', 'queues/', 'workers/'],
  fastify: ['api/', 'test/'],
  stripe: ['payments/', 'test/'],
}

// This file quotes imports that are none.
const graph = new Map([...readImportGraph(ROOT)].filter(([file]) => file !== 'test/unit/architecture.test.ts'))
const edges = [...graph].flatMap(([file, imports]) => imports.map((imported) => ({ file, imported })))
const files = [...graph.keys()]
const isOurs = (path: string) => graph.has(path)

describe('who may import whom', () => {
  test('every import between top folders is allowed', () => {
    const broken = edges.filter(({ file, imported }) => isOurs(imported) && !mayImport(topOf(file), topOf(imported)))
    expect(broken).toEqual([])
  })

  test('every relative import names a file that exists, with its ending', () => {
    const relative = edges.filter(({ imported }) => imported.includes('/') && topOf(imported) in MAY_IMPORT)
    expect(relative.filter(({ imported }) => !isOurs(imported) && !/\.(mjs|json)$/.test(imported))).toEqual([])
  })

  test('shared is pure: nothing of Node, no framework, only hashing, decimals, expressions and schemas', () => {
    const allowed = new Set([
      'node:crypto',
      'decimal.js',
      'jsep',
      'typebox',
      'typebox/value',
      'typebox/compile',
      'typebox/format',
    ])
    const broken = edges.filter(
      ({ file, imported }) => topOf(file) === 'shared' && !isOurs(imported) && !allowed.has(imported),
    )
    expect(broken).toEqual([])
  })

  test.each(Object.entries(ONLY_IMPORTED_BY))('%s is imported only where it belongs', (name, places) => {
    const importers = edges.filter(({ imported }) => imported === name || imported.startsWith(`${name}/`))
    expect(importers.filter(({ file }) => !places.some((place) => file.startsWith(place)))).toEqual([])
  })
})

describe('the shape of the tree', () => {
  test('there are no cycles, types included', () => {
    const inCycle = files.filter((file) =>
      (graph.get(file) ?? []).some((imported) => isOurs(imported) && reachableFrom(graph, imported, isOurs).has(file)),
    )
    expect(inCycle).toEqual([])
  })

  test('there are no barrels: no index.ts, and no file that only passes on what others export', () => {
    expect(files.filter((file) => /(^|\/)index\.ts$/.test(file))).toEqual([])
    expect(files.filter((file) => isBarrel(readFileSync(join(ROOT, file), 'utf8')))).toEqual([])
  })

  test('no folder and no file is named for everything and nothing', () => {
    const vague = /(^|\/)(utils?|helpers?|common|misc|manager|lib)(\.ts|\/)/
    const kept = new Set(['api/schemas/common.ts'])
    expect(files.filter((file) => vague.test(file) && !kept.has(file))).toEqual([])
  })

  test('files are kebab-case', () => {
    expect(
      files.filter((file) => !/^[a-z0-9-]+(\.test|\.config|\.d)?\.ts$/.test(file.slice(dirnameLength(file)))),
    ).toEqual([])
  })

  test('a suite that opens a queue asks which Redis is its own, so that it runs on both backends', () => {
    const suites = files.filter((file) => /^test\/(integration|e2e|faults)\//.test(file) && file.endsWith('.test.ts'))
    const deaf = suites.filter((file) => {
      const reached = reachableFrom(graph, file, (path) => path.startsWith('test/'))
      return reached.has('queues/backend.ts') && !reached.has('test/support/redis.ts')
    })
    expect(deaf).toEqual([])
  })
})

describe('what these rules read', () => {
  test('imports of every form are seen, and words in comments are not', () => {
    const text = `// import x from 'comment'
import a, { type B } from './a.ts'
import type { C } from './c.ts'
import {
  d,
} from './d.ts'
import './effect.ts'
export { e } from './e.ts'
const f = await import('./f.ts')`
    expect(findSpecifiers(text)).toEqual(['./a.ts', './c.ts', './d.ts', './effect.ts', './e.ts', './f.ts'])
  })

  test('a forbidden edge would be found', () => {
    expect(mayImport('shared', 'db')).toBe(false)
    expect(mayImport('api', 'workers')).toBe(false)
    expect(mayImport('unknown', 'shared')).toBe(false)
    expect(isBarrel(`export * from './a.ts'\nexport { b } from './b.ts'\n`)).toBe(true)
  })
})

function mayImport(from: string, to: string): boolean {
  // A file beside the folders, such as the configuration of the tests, may import what it configures.
  if (from === to || from.endsWith('.ts')) return true
  const allowed = MAY_IMPORT[from]
  return allowed === 'any' || (allowed?.includes(to) ?? false)
}

function topOf(path: string): string {
  return path.split('/')[0] ?? path
}

function dirnameLength(file: string): number {
  return dirname(file) === '.' ? 0 : dirname(file).length + 1
}

function isBarrel(text: string): boolean {
  const code = text.replace(/\/\*[\s\S]*?\*\/|\/\/.*$/gm, '').trim()
  const withoutReexports = code.replace(/^export\s+(?:type\s+)?(?:\*|\{[^}]*\})[^\n]*\bfrom\s*['"][^'"]+['"];?/gm, '')
  return code !== '' && withoutReexports.trim() === ''
}
