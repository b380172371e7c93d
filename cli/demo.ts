import type { FirstSecrets } from '../db/first-organization.ts'
import { apiClient } from './demo/api-client.ts'
import { findDifferences } from './demo/compare-invoices.ts'
import { type DemoOptions, parseDemoOptions } from './demo/demo-options.ts'
import { type DemoAccess, DemoService } from './demo/demo-service.ts'
import { expectedInvoices } from './demo/expected-invoices.ts'
import { generateTrace } from './demo/generate-trace.ts'
import { invoiceTable, totalsByCurrency, totalsTable } from './demo/invoice-table.ts'
import { type Played, playScenario } from './demo/play-scenario.ts'
import { streamReporter } from './demo/progress.ts'
import { readTrace } from './demo/read-trace.ts'
import { type Scenario, scenarioOf } from './demo/scenario.ts'
import { seededRandom } from './demo/seeded-random.ts'
import { stopOnSignal } from './start/stop-on-signal.ts'

const SHOWN_DIFFERENCES = 10

/** The exit code of a command that Ctrl-C ended before it was done. */
const INTERRUPTED = 130

try {
  await run(parseDemoOptions(process.argv.slice(2)))
} catch (error) {
  console.error(error instanceof Error ? error.message : error)
  process.exitCode = 1
}

async function run(options: DemoOptions): Promise<void> {
  const scenario = scenarioOf({ requests: requestsOf(options), customerCount: options.customers, seed: options.seed })
  const reporter = streamReporter(options.json ? process.stderr : process.stdout)
  const service = new DemoService(process.env, (text) => reporter.line(text))
  const interruption = new AbortController()
  let isDone = false
  stopOnSignal(async () => {
    if (!isDone) interruption.abort()
    await service.stop()
    if (!isDone) process.exit(INTERRUPTED)
  })
  try {
    reporter.step('Starting Postgres, the API and the workers')
    const access = await service.start()
    if (access.firstSecrets !== undefined) reporter.line(firstOrganization(access.firstSecrets).join('\n'))
    const played = await playScenario(apiClient(access.url, access.apiKey), scenario, reporter)
    report(played, scenario, (lines) => reporter.line(lines.join('\n')))
    isDone = true
    if (!options.once) reporter.line(whereToLook(access).join('\n'))
    if (options.json) console.log(JSON.stringify(summary(played, scenario)))
    if (options.once) await service.stop()
  } catch (error) {
    // The stop after a signal makes calls fail; it ends the process itself.
    if (!interruption.signal.aborted) {
      await service.stop()
      throw error
    }
  }
}

function requestsOf({ file, requests, seed }: DemoOptions): Scenario['requests'] {
  return file === undefined ? generateTrace(requests, seededRandom(seed, 'trace')) : readTrace(file)
}

/** Shows the invoices. Throws when they are not those that the requests must lead to. */
function report(played: Played, scenario: Scenario, show: (lines: readonly string[]) => void): void {
  const { invoices, eventsSent, durationMs } = played
  show(['', ...invoiceTable(invoices), '', ...totalsTable(invoices), ''])
  const [sent, unique, rate] = [eventsSent, scenario.requests.length, perSecond(played)].map(grouped)
  const seconds = (durationMs / 1000).toFixed(1)
  show([`${sent} events (${unique} different ones) accepted and counted in ${seconds} s: ${rate} events/s.`])
  const differences = findDifferences(expectedInvoices(scenario), invoices)
  if (differences.length > 0) {
    throw new Error(
      [`The invoices are wrong in ${differences.length} places:`, ...differences.slice(0, SHOWN_DIFFERENCES)].join(
        '\n  ',
      ),
    )
  }
  show([`All ${invoices.length} invoices equal, to the cent, what a second way of computing them gives.`])
}

function whereToLook({ url, apiKey, operator, operatorPassword }: DemoAccess): string[] {
  return [
    '',
    'Tabkeeper stays up; Ctrl-C stops it and deletes what is not on a server of yours.',
    `  Docs      ${url}/docs`,
    `  Queues    ${url}/queues  (${operator}, password ${operatorPassword})`,
    `  API key   ${apiKey}`,
    `  Try       curl -H 'Authorization: Bearer ${apiKey}' '${url}/v1/invoices?limit=1'`,
  ]
}

// The demo's organization is not the first one, so that `npm start` on the same database has what it would have had.
function firstOrganization({ apiKey, operatorPassword }: FirstSecrets): string[] {
  return [
    'The database was new. Its first organization, apart from the demo, shown this once:',
    `  Operator  operator, password ${operatorPassword}`,
    `  API key   ${apiKey}`,
  ]
}

function summary(played: Played, scenario: Scenario): Record<string, unknown> {
  return {
    events_sent: played.eventsSent,
    events_unique: scenario.requests.length,
    invoices: played.invoices.length,
    totals: totalsByCurrency(played.invoices),
    events_per_s: Math.round(perSecond(played)),
  }
}

function perSecond({ eventsSent, durationMs }: Played): number {
  return eventsSent / (durationMs / 1000)
}

function grouped(value: number): string {
  return Math.round(value).toLocaleString('en')
}
