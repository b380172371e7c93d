import { PROJECT_FOLDER } from '../start/running-process.ts'
import { reachableFrom, readImportGraph } from './imports.ts'

/** The test files that run on either queue backend: those that ask, themselves or through others, for the Redis. */
export function listQueueSuites(): readonly string[] {
  const graph = readImportGraph(PROJECT_FOLDER)
  return [...graph.keys()]
    .filter((path) => /^test\/(integration|e2e|faults)\/.*\.test\.ts$/.test(path))
    .filter((path) => reachableFrom(graph, path, isOfTests).has('test/support/redis.ts'))
    .sort()
}

function isOfTests(path: string): boolean {
  return path.startsWith('test/')
}
