import { constants } from 'node:os'
import { stopRunningCommand } from './check/command.ts'
import { STAGES, type Stage, type StageResult } from './check/stages.ts'
import { TestServers } from './check/test-servers.ts'

const servers = new TestServers()
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => void interrupt(signal))

try {
  process.exitCode = (await runStages(chooseStages(process.argv.slice(2)))) ? 0 : 1
} catch (error) {
  console.error(error instanceof Error ? error.message : error)
  process.exitCode = 1
} finally {
  await servers.stop()
}

/** Runs the stages up to the first that fails, prints the sum and what was skipped, and answers whether all held. */
async function runStages(stages: readonly Stage[]): Promise<boolean> {
  const results: StageResult[] = []
  for (const stage of stages) {
    console.log(`\n── ${stage.name}`)
    const result = await runStage(stage)
    results.push(result)
    if (result.failed > 0) {
      console.log(`\nStopped at ${stage.name}; again with: npm test -- ${stage.name}`)
      break
    }
  }
  const sum = (key: 'passed' | 'failed') => results.reduce((total, result) => total + result[key], 0)
  console.log(`\n${sum('passed')} passed, ${sum('failed')} failed`)
  for (const { skipped } of results) if (skipped !== undefined) console.log(skipped)
  return sum('failed') === 0
}

async function runStage(stage: Stage): Promise<StageResult> {
  try {
    return await stage.run(servers)
  } catch (error) {
    console.error(error instanceof Error ? error.message : error)
    return { passed: 0, failed: 1 }
  }
}

function chooseStages(names: readonly string[]): readonly Stage[] {
  if (names.length === 0) return STAGES.filter((stage) => !stage.onlyInCi || Boolean(process.env['CI']))
  const unknown = names.find((name) => !STAGES.some((stage) => stage.name === name))
  if (unknown === undefined) return STAGES.filter((stage) => names.includes(stage.name))
  throw new Error(`There is no stage ${unknown}: choose from ${STAGES.map((stage) => stage.name).join(', ')}.`)
}

async function interrupt(signal: NodeJS.Signals): Promise<void> {
  await stopRunningCommand()
  await servers.stop()
  process.exit(128 + constants.signals[signal])
}
