import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { dirname, join, normalize } from 'node:path'
import { describe, expect, test } from 'vitest'
import { STAGES } from '../../cli/check/stages.ts'
import { parseProcfile } from '../../cli/start/procfile.ts'
import { QUEUES } from '../../queues/contracts.ts'
import { ERRORS } from '../../shared/errors.ts'
import { AGGREGATIONS } from '../../shared/metering/aggregations.ts'
import { CHARGE_MODELS } from '../../shared/pricing/charge-models.ts'
import { WEBHOOK_EVENT_TYPES } from '../../shared/webhooks/event-types.ts'

const ROOT = join(import.meta.dirname, '../..')
const SOURCE_FOLDERS = ['api', 'cli', 'client/src', 'db', 'queues', 'shared', 'workers']

const pages = new Map([...listFiles('docs', /\.md$/), ...listRootPages()].map((path) => [path, read(path)]))
const sources = SOURCE_FOLDERS.flatMap((folder) => listFiles(folder, /\.(ts|mjs|sql)$/)).map(read)

describe('links', () => {
  test.each([...pages])('every link of %s leads to a file and a heading that exist', (path, text) => {
    expect(linksOf(text).filter((link) => !leadsSomewhere(path, link))).toEqual([])
  })

  test('every page is reached from the README', () => {
    const reached = new Set(['README.md'])
    for (const path of reached) {
      for (const link of linksOf(pages.get(path) ?? '')) {
        const [target = ''] = link.split('#')
        if (target.endsWith('.md') && !target.includes('://')) reached.add(resolveLink(path, target))
      }
    }
    expect([...pages.keys()].filter((path) => !reached.has(path))).toEqual([])
  })

  test('a link that leads nowhere would be found', () => {
    expect(leadsSomewhere('README.md', 'docs/no-such-page.md')).toBe(false)
    expect(leadsSomewhere('README.md', 'docs/operations.md#no-such-heading')).toBe(false)
    expect(leadsSomewhere('docs/invoices.md', 'operations.md#dead-letters')).toBe(true)
  })
})

describe('what must be documented', () => {
  const operations = page('docs/operations.md')

  test('every process of the Procfile has its row, and every row its process', () => {
    const processes = parseProcfile(read('Procfile')).map(({ name }) => name)
    expect(rowsUnder(operations, 'Processes').map(([name = '']) => name)).toEqual(processes)
  })

  test('every queue has its row, with the retries of its contract', () => {
    const contracts = Object.entries(QUEUES).map(([name, { attempts, backoffMs }]) => [
      name,
      String(attempts),
      `${backoffMs} ms`,
    ])
    expect(rowsUnder(operations, 'Queues')).toEqual(contracts)
  })

  test('every error code has its row, with status and whether to try again, and every row its code', () => {
    const rows = rowsUnder(page('docs/errors.md'), 'Errors').map((cells) => cells.slice(0, 3))
    const codes = Object.entries(ERRORS).map(([code, { status, retryable }]) => [
      code,
      String(status),
      retryable ? 'yes' : 'no',
    ])
    expect(sorted(rows)).toEqual(sorted(codes))
  })

  test('every error code of the client has its row, and every row its code', () => {
    const [, union = ''] = /type ClientErrorCode =([^]*?)\n\n/.exec(read('client/src/client-error.ts')) ?? []
    const codes = [...union.matchAll(/'(\w+)'/g)].map((match) => match[1] ?? '')
    const rows = rowsUnder(page('docs/client.md'), 'Error codes').map(([code = '']) => code)
    expect(rows.toSorted()).toEqual(codes.toSorted())
    expect(codes).toContain('too_many_waiting')
  })

  test('every variable that the code reads from the environment is in the table or named below it', () => {
    const read = new Set(
      [...sources, ...listFiles('test', /\.ts$/).map((path) => readFileSync(join(ROOT, path), 'utf8'))]
        .flatMap((text) => [
          ...text.matchAll(/(?:env|environment)\['([A-Z][A-Z_]+)'\]|\(environment, '([A-Z][A-Z_]+)'/g),
        ])
        .map((match) => match[1] ?? match[2] ?? ''),
    )
    const ofOthers = new Set(['PATH', 'CI', 'TMPDIR', 'NODE_ENV'])
    const section = operations.slice(operations.indexOf('## Configuration'))
    // The template is handed from the set-up of a test run to its files and is nobody's to set.
    const internal = new Set(['TABKEEPER_TEST_TEMPLATE'])
    expect(
      [...read].filter((name) => !ofOthers.has(name) && !internal.has(name) && !section.includes(`\`${name}\``)),
    ).toEqual([])
    expect(read).toContain('REDIS_DURABILITY')
  })

  test('every reason for which an event is not counted has its row', () => {
    const migrations = readdirSync(join(ROOT, 'db/migrations')).sort()
    const stated = migrations.flatMap((file) => [...read(`db/migrations/${file}`).matchAll(/\breason in \(([^)]*)\)/g)])
    const [, list = ''] = stated.at(-1) ?? []
    const reasons = [...list.matchAll(/'(\w+)'/g)].map((match) => match[1] ?? '')
    const rows = rowsUnder(page('docs/events.md'), 'What cannot be counted').map(([reason = '']) => reason)
    expect(rows.toSorted()).toEqual(reasons.toSorted())
  })

  test('every charge model and aggregation is named in the README', () => {
    const [there = ''] = page('README.md').split('## What is there')[1]?.split('Not yet:') ?? []
    expect(CHARGE_MODELS.filter((model) => !there.includes(`\`${model}\``))).toEqual([])
    expect(Object.keys(AGGREGATIONS).filter((name) => !there.includes(`\`${name}\``))).toEqual([])
    expect(rowsUnder(page('docs/invoices.md'), 'Lines').map(([name = '']) => name)).toEqual(
      expect.arrayContaining([...CHARGE_MODELS]),
    )
  })

  test('every type of webhook message is listed, and nothing else', () => {
    const types = rowsOfText(page('docs/webhooks.md')).flatMap((row) => row.match(/`[a-z_]+\.[a-z_]+`/g) ?? [])
    expect(types.map((name) => name.slice(1, -1)).toSorted()).toEqual([...WEBHOOK_EVENT_TYPES].toSorted())
  })

  test('every stage of npm test has its row', () => {
    expect(rowsUnder(page('CONTRIBUTING.md'), 'Check').map(([name = '']) => name)).toEqual(
      STAGES.map(({ name }) => name),
    )
  })

  test('every dependency has its reason, and nothing else is listed', () => {
    const { dependencies, devDependencies, optionalDependencies } = JSON.parse(read('package.json')) as Record<
      string,
      Record<string, string>
    >
    const names = Object.keys({ ...dependencies, ...devDependencies, ...optionalDependencies })
    const rows = rowsUnder(page('docs/decisions/0010-dependencies.md'), 'Choice').map(([name = '']) => name)
    expect(rows.toSorted()).toEqual(names.toSorted())
  })

  test('every top folder stands in the tree of the README, and every folder there exists', () => {
    const [, tree = ''] = /## The tree\n+```\n([^`]*)```/.exec(page('README.md')) ?? []
    const named = [...tree.matchAll(/^([\w.]+)\/ /gm)].map((match) => match[1] ?? '')
    const notOurs = /^(?!\.ci$)\.|^(node_modules|coverage)$/
    const folders = readdirSync(ROOT, { withFileTypes: true }).filter((entry) => entry.isDirectory())
    expect(named.toSorted()).toEqual(
      folders
        .map(({ name }) => name)
        .filter((name) => !notOurs.test(name))
        .toSorted(),
    )
  })
})

describe('what is documented', () => {
  test('every name in the glossary is used in the source', () => {
    const words = new Set(sources.flatMap((text) => text.match(/[A-Za-z_]\w*/g) ?? []))
    const missing = glossary().flatMap(({ names }) => names.filter((name) => !words.has(name)))
    expect(missing).toEqual([])
  })

  test('the glossary has one entry per term, in order, each with a meaning and a name', () => {
    const terms = glossary().map(({ term }) => term)
    expect(terms.length).toBeGreaterThan(40)
    expect(terms).toEqual([...new Set(terms)].toSorted((one, other) => one.localeCompare(other, 'en')))
    expect(glossary().filter(({ names, meaning }) => names.length === 0 || meaning === '')).toEqual([])
  })

  test('every file that is named in backticks exists', () => {
    const missing = [...pages].flatMap(([path, text]) =>
      [...text.matchAll(/`((?:api|cli|client\/src|db|queues|shared|test|workers)\/[^`\s]*)`/g)]
        .map((match) => match[1] ?? '')
        .filter((named) => !named.includes('<') && !existsSync(join(ROOT, named)))
        .map((named) => `${path}: ${named}`),
    )
    expect(missing).toEqual([])
  })

  test('every script that is named exists', () => {
    const { scripts } = JSON.parse(read('package.json')) as { scripts: Record<string, string> }
    const named = [...pages.values()].flatMap((text) => [
      ...text.matchAll(/npm (?:run )?(start|test|(?<=run )[\w:-]+)/g),
    ])
    expect(named.map((match) => match[1] ?? '').filter((name) => !(name in scripts))).toEqual([])
  })

  test('no recipe has more than five steps', () => {
    const recipes =
      page('CONTRIBUTING.md')
        .split('## Recipes')[1]
        ?.split(/\n## /)[0]
        ?.split(/\n### /)
        .slice(1) ?? []
    const steps = recipes.map((recipe) => recipe.match(/^\d+\. /gm)?.length ?? 0)
    expect(steps.every((count) => count >= 1 && count <= 5)).toBe(true)
    expect(recipes.map((recipe) => recipe.split('\n')[0])).toEqual([
      'A charge model',
      'An aggregation',
      'A worker',
      'An endpoint',
      'A migration',
    ])
  })

  test('decisions are numbered without a gap, and each says context, choice and price', () => {
    const decisions = [...pages.keys()].filter((path) => /^docs\/decisions\/\d/.test(path)).toSorted()
    expect(decisions.map((path) => Number(path.slice('docs/decisions/'.length).slice(0, 4)))).toEqual(
      decisions.map((_, index) => index + 1),
    )
    const parts = decisions.map((path) => [...page(path).matchAll(/^## (.*)$/gm)].map((match) => match[1]))
    expect(parts).toEqual(decisions.map(() => ['Context', 'Choice', 'Price']))
  })

  test('no page names a place of one machine', () => {
    const place = /(?<![\w.])\/(?:home|root|work|tmp|Users|mnt|opt)\/|[A-Z]:\\/
    expect([...pages].filter(([, text]) => place.test(text)).map(([path]) => path)).toEqual([])
  })
})

function page(path: string): string {
  const text = pages.get(path)
  if (text === undefined) throw new Error(`there is no page ${path}`)
  return text
}

function read(path: string): string {
  return readFileSync(join(ROOT, path), 'utf8')
}

function listRootPages(): string[] {
  return readdirSync(ROOT).filter((name) => name.endsWith('.md'))
}

function listFiles(folder: string, name: RegExp): string[] {
  return readdirSync(join(ROOT, folder), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && name.test(entry.name))
    .map((entry) => join(entry.parentPath, entry.name).slice(ROOT.length + 1))
}

function linksOf(text: string): string[] {
  const prose = text.replace(/```[\s\S]*?```/g, '')
  return [...prose.matchAll(/\[[^\]]*\]\(([^)\s]+)\)/g)].map((match) => match[1] ?? '')
}

function resolveLink(from: string, target: string): string {
  return normalize(join(dirname(from), target))
}

// What lies outside of the project is not asked for: the check must hold without a network.
function leadsSomewhere(from: string, link: string): boolean {
  if (/^https?:\/\//.test(link)) return true
  const [target = '', heading] = link.split('#')
  const path = target === '' ? from : resolveLink(from, target)
  if (!existsSync(join(ROOT, path))) return false
  return heading === undefined || headingsOf(pages.get(path) ?? '').includes(heading)
}

function headingsOf(text: string): string[] {
  return [...text.matchAll(/^#+ (.*)$/gm)].map((match) =>
    (match[1] ?? '')
      .toLowerCase()
      .replace(/[^\w\s-]/g, '')
      .trim()
      .replace(/\s/g, '-'),
  )
}

/** The cells of the table rows under a heading, up to the next heading, whose first cell is a name in backticks. */
function rowsUnder(text: string, heading: string): string[][] {
  const start = new RegExp(`^#+ ${heading}$`, 'm').exec(text)
  if (start === null) throw new Error(`there is no heading ${heading}`)
  const section = text.slice(start.index + start[0].length).split(/^#+ /m)[0] ?? ''
  return [...section.matchAll(/^\| `[^`]+` \|.*$/gm)].map(([row]) =>
    cellsOf(row).map((cell) => cell.replace(/^`(.*)`$/, '$1')),
  )
}

function rowsOfText(text: string): string[] {
  return text.split('\n').filter((line) => line.startsWith('| `'))
}

function cellsOf(row: string): string[] {
  return row
    .split('|')
    .slice(1, -1)
    .map((cell) => cell.trim())
}

function glossary(): { term: string; meaning: string; names: string[] }[] {
  const rows = [...page('docs/glossary.md').matchAll(/^\|(?! Term| ---).*$/gm)].map(([row]) => cellsOf(row))
  return rows.map(([term = '', meaning = '', names = '']) => ({
    term,
    meaning,
    names: [...names.matchAll(/`([^`]+)`/g)].map((match) => match[1] ?? ''),
  }))
}

function sorted(rows: readonly (readonly string[])[]): string[] {
  return rows.map((row) => row.join(' ')).toSorted()
}
