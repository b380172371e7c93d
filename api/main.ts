import { flushCompileCache } from 'node:module'
import { readConfig } from '../shared/config.ts'
import { STOP_WITHIN_MS } from '../shared/stopping.ts'
import { createLogger } from './log.ts'
import { startWebProcess } from './web-process.ts'

try {
  const config = readConfig(process.env)
  const logger = createLogger(config.logLevel)
  const web = await startWebProcess(config, logger)
  // What was compiled is kept for the next start at once, because a process that is killed keeps nothing.
  flushCompileCache()
  logger.info({ url: web.url }, 'listening')
  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    process.once(signal, () => {
      logger.info({ signal }, 'stopping')
      // Whoever stops us has an end to its patience; what hangs must not outlive it.
      setTimeout(() => process.exit(1), STOP_WITHIN_MS).unref()
      void web.stop().then(() => process.exit(0))
    })
  }
} catch (error) {
  console.error(error instanceof Error ? error.message : String(error))
  process.exit(1)
}
