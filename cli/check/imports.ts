import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join, normalize } from 'node:path'

/** Source file → what it imports: paths from the project's folder for files, bare names for packages. */
export type ImportGraph = ReadonlyMap<string, readonly string[]>

const SPECIFIER =
  /^\s*(?:import|export)\b[^'"]*?\bfrom\s*['"]([^'"]+)['"]|^\s*import\s*['"]([^'"]+)['"]|\bimport\(\s*['"]([^'"]+)['"]\s*\)/gm
const IGNORED = new Set(['node_modules', 'coverage', 'dist'])

/** Reads the imports, types included, of all TypeScript files of the project. */
export function readImportGraph(folder: string): ImportGraph {
  return new Map(listSources(folder, '').map((path) => [path, readImports(folder, path)]))
}

/** The file and all files it imports, directly or through others that `follow` accepts. */
export function reachableFrom(
  graph: ImportGraph,
  file: string,
  follow: (path: string) => boolean,
): ReadonlySet<string> {
  const reached = new Set([file])
  for (const path of reached) {
    if (path !== file && !follow(path)) continue
    for (const imported of graph.get(path) ?? []) reached.add(imported)
  }
  return reached
}

function listSources(folder: string, path: string): readonly string[] {
  return readdirSync(join(folder, path), { withFileTypes: true }).flatMap((entry) => {
    if (entry.name.startsWith('.') || IGNORED.has(entry.name)) return []
    const child = join(path, entry.name)
    if (entry.isDirectory()) return listSources(folder, child)
    return entry.name.endsWith('.ts') ? [child] : []
  })
}

function readImports(folder: string, path: string): readonly string[] {
  return findSpecifiers(readFileSync(join(folder, path), 'utf8')).map((specifier) =>
    specifier.startsWith('.') ? normalize(join(dirname(path), specifier)) : specifier,
  )
}

/** The module names in a source text: static, for side effects, re-exported and dynamic. */
export function findSpecifiers(text: string): readonly string[] {
  return [...text.matchAll(SPECIFIER)].map((match) => match[1] ?? match[2] ?? match[3] ?? '')
}
