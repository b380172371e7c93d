import { ensureFirstOrganization } from '../db/first-organization.ts'
import { stopOnSignal } from './start/stop-on-signal.ts'
import { Supervisor } from './start/supervisor.ts'

const NAME_WIDTH = 16

const supervisor = new Supervisor({ environment: process.env })
supervisor.on('line', (name, text) => print(name, text))
supervisor.on('death', (name, how, delayMs) => print(name, `ended with ${how}; starts again in ${delayMs} ms`))
supervisor.on('restart', (name, pid) => print(name, `runs again as process ${pid}`))

let isStopping = false
stopOnSignal(() => {
  isStopping = true
  return supervisor.stop()
})

try {
  await supervisor.prepare()
  const secrets = await ensureFirstOrganization(supervisor.databaseUrl)
  await supervisor.start()
  console.log(welcome(supervisor.url, secrets))
} catch (error) {
  // A stop during the start ends the start with an error that is none.
  if (!isStopping) {
    console.error(error instanceof Error ? error.message : error)
    await supervisor.stop()
    process.exit(1)
  }
}

function welcome(url: string, secrets: { apiKey: string; operatorPassword: string } | undefined): string {
  const lines = ['', 'Tabkeeper is up. Ctrl-C stops it.', `  API       ${url}/v1`]
  lines.push(`  Docs      ${url}/docs`, `  Queues    ${url}/queues`)
  if (secrets === undefined) return [...lines, ''].join('\n')
  lines.push('', 'Shown this once:', `  Operator  operator, password ${secrets.operatorPassword}`)
  return [...lines, `  API key   ${secrets.apiKey}`, ''].join('\n')
}

function print(name: string, text: string): void {
  console.log(`${name.padEnd(NAME_WIDTH)}| ${text}`)
}
