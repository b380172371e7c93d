import { runTool } from './command.ts'
import { checkFreshCopy } from './fresh-copy.ts'
import { listQueueSuites } from './queue-suites.ts'
import { ensureRedisInstalled } from './redis-server.ts'
import type { TestServers } from './test-servers.ts'
import { runVitest, type TestCount } from './vitest-run.ts'

/** What a stage came to; `skipped` says in one sentence what did not run and how to run it. */
export interface StageResult extends TestCount {
  readonly skipped?: string
}

export interface Stage {
  readonly name: string
  /** Left out unless it is asked for by name or this is CI. */
  readonly onlyInCi?: boolean
  readonly run: (servers: TestServers) => Promise<StageResult>
}

const WITHOUT_REDIS =
  'There is no redis-server, so the suites with queues on Redis did not run. Install it (apt-get install redis-server, brew install redis) and run: npm test -- redis'

/** All that must hold, cheapest first. */
export const STAGES: readonly Stage[] = [
  { name: 'format', run: () => tool('biome', ['format', '.']) },
  {
    name: 'lint',
    run: () => tool('oxlint', ['--type-aware', '--deny-warnings', '--report-unused-disable-directives']),
  },
  { name: 'types', run: () => tool('tsc', ['-p', '.']) },
  { name: 'unused', run: () => tool('knip', []) },
  { name: 'unit', run: () => runVitest({ projects: ['unit'], environment: {} }) },
  { name: 'integration', run: (servers) => onPostgres(servers, 'integration') },
  { name: 'e2e', run: (servers) => onPostgres(servers, 'e2e') },
  { name: 'faults', run: (servers) => onPostgres(servers, 'faults') },
  { name: 'redis', run: onRedis },
  { name: 'fresh-copy', onlyInCi: true, run: freshCopy },
]

async function tool(name: string, parameters: readonly string[]): Promise<StageResult> {
  const code = await runTool(name, parameters)
  return { passed: 0, failed: code === 0 ? 0 : 1 }
}

async function onPostgres(servers: TestServers, project: string): Promise<StageResult> {
  return await runVitest({ projects: [project], environment: await servers.postgresEnvironment() })
}

async function onRedis(servers: TestServers): Promise<StageResult> {
  const files = listQueueSuites()
  if (files.length === 0) return { passed: 0, failed: 0 }
  if (!ensureRedisInstalled()) return { passed: 0, failed: 0, skipped: WITHOUT_REDIS }
  const environment = await servers.redisEnvironment()
  return await runVitest({ projects: ['integration', 'e2e', 'faults'], files, environment })
}

async function freshCopy(servers: TestServers): Promise<StageResult> {
  await servers.stop()
  await checkFreshCopy()
  return { passed: 1, failed: 0 }
}
