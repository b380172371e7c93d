import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { runTool } from './command.ts'

export interface TestCount {
  readonly passed: number
  readonly failed: number
}

export interface VitestRun {
  readonly projects: readonly string[]
  /** Only these files; all of the projects when left out. */
  readonly files?: readonly string[]
  readonly environment: Readonly<Record<string, string>>
}

/**
 * Runs the projects and counts their tests. A run that fails without a failing test counts as one failure. The many
 * processes of a run load the same files, so all but the first take them as that has compiled them.
 */
export async function runVitest({ projects, files, environment }: VitestRun): Promise<TestCount> {
  const folder = mkdtempSync(join(tmpdir(), 'tabkeeper-report-'))
  const report = join(folder, 'report.json')
  const parameters = ['run', ...projects.map((project) => `--project=${project}`), ...(files ?? [])]
  try {
    const code = await runTool(
      'vitest',
      [...parameters, '--reporter=default', '--reporter=json', `--outputFile.json=${report}`],
      { ...environment, NODE_COMPILE_CACHE: join(folder, 'compiled') },
    )
    const { passed, failed } = readReport(report)
    return { passed, failed: code !== 0 && failed === 0 ? 1 : failed }
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

function readReport(path: string): TestCount {
  try {
    const report = JSON.parse(readFileSync(path, 'utf8')) as { numPassedTests: number; numFailedTests: number }
    return { passed: report.numPassedTests, failed: report.numFailedTests }
  } catch {
    // Vitest ended before it could write; its exit code tells.
    return { passed: 0, failed: 0 }
  }
}
